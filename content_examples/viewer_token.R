# Ask oauth-sidecar for the viewer's access token. Copy this file next to your app and source() it; it needs the packages
# curl and jsonlite. `oauth-sidecar content-env NAME` prints CONNECT_SERVER and CONNECT_API_KEY. Call it each time.

viewer_token <- local({
  kept <- list() # by viewer's session and integration, until half a minute before they end

  # `session`: Shiny's, or the value of the header Posit-Connect-User-Session-Token. `integration`: its guid, needed where
  # there are several. `rejected`: a token that an API refused. A viewer who has to connect again: condition
  # "login_required" with their `url`.
  function(session, integration = NULL, rejected = NULL) {
    subject <- if (is.character(session)) session else session$request$HTTP_POSIT_CONNECT_USER_SESSION_TOKEN
    if (is.null(subject)) stop("no session token in this request: open the app through the sidecar", call. = FALSE)
    server <- sub("/+$", "", Sys.getenv("CONNECT_SERVER"))
    if (!nzchar(server)) stop("CONNECT_SERVER is not set: `oauth-sidecar content-env` prints it", call. = FALSE)
    name <- paste(subject, integration)
    if (!is.null(rejected)) kept[[name]] <<- NULL
    if (!is.null(kept[[name]]) && Sys.time() < kept[[name]]$until) return(kept[[name]]$token)

    form <- c(
      grant_type = "urn:ietf:params:oauth:grant-type:token-exchange", subject_token = subject, audience = integration,
      subject_token_type = "urn:posit:connect:user-session-token", rejected_token = rejected
    )
    form <- paste(names(form), curl::curl_escape(form), sep = "=", collapse = "&")
    # No proxy in between, and nobody else gets the key: neither by a redirect.
    ask <- curl::new_handle(noproxy = "*", followlocation = FALSE, timeout = 30, postfields = form)
    curl::handle_setheaders(ask, Authorization = paste("Key", Sys.getenv("CONNECT_API_KEY")))
    answer <- curl::curl_fetch_memory(paste0(server, "/__api__/v1/oauth/integrations/credentials"), ask)
    said <- tryCatch(as.list(jsonlite::fromJSON(rawToChar(answer$content))), error = function(problem) list())
    why <- if (is.character(said$error)) said$error else paste("HTTP", answer$status_code)
    if (!is.null(url <- said$payload$login_url)) {
      said <- list(message = paste(why, "Show the viewer a link to", url), call = NULL, url = url)
      stop(structure(said, class = c("login_required", "error", "condition")))
    }
    if (answer$status_code != 200 || is.null(said$access_token)) stop("no token for this viewer: ", why, call. = FALSE)
    kept <<- Filter(function(one) Sys.time() < one$until, kept)
    kept[[name]] <<- list(token = said$access_token, until = Sys.time() + max(0, said$expires_in - 30))
    said$access_token
  }
})
