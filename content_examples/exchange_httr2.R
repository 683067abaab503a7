# Call an API as the viewer, with httr2: exchange the session token (RFC 8693, as at Posit Connect), use what comes back.
#
#   Rscript exchange_httr2.R < session_token
#
# CONNECT_SERVER and CONNECT_API_KEY are in what `oauth-sidecar content-env NAME` prints; ORDERS_API is the API to call.
# The session token is in the request's header Posit-Connect-User-Session-Token. It comes by stdin, because what stands
# in a command's arguments can be read by everybody on the machine.

library(httr2)

session_token <- readLines(file("stdin"), n = 1)

# The exchange says why it refuses, and where the viewer can mend it.
reason <- function(answer) {
  said <- resp_body_json(answer)
  c(said$error, said$payload$login_url)
}

exchanged <- request(Sys.getenv("CONNECT_SERVER")) |>
  req_url_path("/__api__/v1/oauth/integrations/credentials") |>
  req_headers(Authorization = paste("Key", Sys.getenv("CONNECT_API_KEY"))) |>
  req_body_form(
    grant_type = "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token_type = "urn:posit:connect:user-session-token",
    subject_token = session_token
    # audience = the integration's guid, where the content has several
  ) |>
  req_options(noproxy = "*", followlocation = FALSE) |> # the key is for nobody in between, and for nobody else
  req_error(body = reason) |>
  req_perform() |>
  resp_body_json() # access_token, and expires_in seconds to use it

request(Sys.getenv("ORDERS_API")) |>
  req_auth_bearer_token(exchanged$access_token) |>
  req_perform() |>
  resp_body_string() |>
  cat("\n")
