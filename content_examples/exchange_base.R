# Call an API as the viewer, with base R alone: exchange the session token, and use what comes back.
#
#   Rscript exchange_base.R < session_token
#
# CONNECT_SERVER and CONNECT_API_KEY are in what `oauth-sidecar content-env NAME` prints; ORDERS_API is the API to call.
# The session token is in the request's header Posit-Connect-User-Session-Token. It comes by stdin, because what stands
# in a command's arguments can be read by everybody on the machine.

read <- function(address, ...) {
  connection <- url(address, headers = c(...))
  on.exit(close(connection))
  paste(readLines(connection, warn = FALSE, encoding = "UTF-8"), collapse = "\n")
}

session_token <- readLines(file("stdin"), n = 1)
server <- sub("/+$", "", Sys.getenv("CONNECT_SERVER"))
host <- sub("^https?://(\\[[^]]*\\]|[^:/]*).*$", "\\1", server)
Sys.setenv(no_proxy = paste(Sys.getenv("no_proxy"), host, sep = ",")) # the key is for nobody in between

# url() cannot POST, so this is the short form of the exchange. Several integrations: /token?integration=NAME. url() says
# no more than the status when it is refused (400: no such session or no consent); exchange_httr2.R gets the reason.
token <- read(
  paste0(server, "/token"),
  Authorization = paste("Key", Sys.getenv("CONNECT_API_KEY")),
  `X-Viewer-Session` = session_token,
  Accept = "text/plain"
)

cat(read(Sys.getenv("ORDERS_API"), Authorization = paste("Bearer", token)), "\n")
