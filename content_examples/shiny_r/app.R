# Orders: a Shiny app without any sign-in of its own. The sidecar says who the viewer is; an API sees their token.

library(shiny)
source(Find(file.exists, c("viewer_token.R", "../viewer_token.R"))) # a real app has the file beside it

orders_api <- Sys.getenv("ORDERS_API")
every_s <- 10
columns <- c("number", "item", "quantity", "status")

# Values that are not ASCII arrive percent-encoded, in UTF-8.
decoded <- function(value) {
  text <- utils::URLdecode(value)
  Encoding(text) <- "UTF-8"
  text
}

# Say who the viewer is.
ui <- function(request) {
  user <- c(request$HTTP_X_FORWARDED_PREFERRED_USERNAME, request$HTTP_X_FORWARDED_USER)
  email <- c(request$HTTP_X_FORWARDED_EMAIL, "nobody: open this app through the sidecar")
  fluidPage(
    title = "Orders",
    h1(if (length(user)) paste("Orders of", decoded(user[1])) else "Orders"),
    p("Signed in as", decoded(email[1])),
    uiOutput("book"),
    tags$form(method = "post", action = "/__oauth__/logout", tags$button("Sign out", class = "btn btn-default"))
  )
}

# Fetch what the API shows this viewer, with a token that is fresh now.
orders <- function(session) {
  httr2::request(orders_api) |>
    httr2::req_auth_bearer_token(viewer_token(session)) |>
    httr2::req_timeout(10) |>
    httr2::req_perform() |>
    httr2::resp_body_json(simplifyVector = TRUE)
}

table_of <- function(book) {
  row <- function(at) tags$tr(lapply(unname(as.list(book[at, columns])), tags$td))
  tags$table(class = "table", tags$tr(lapply(columns, tags$th)), lapply(seq_len(nrow(book)), row))
}

server <- function(input, output, session) {
  # Show the orders, again every few seconds: hours after the page was opened, the token is still fresh.
  output$book <- renderUI({
    invalidateLater(every_s * 1000)
    tryCatch({
      shown <- orders(session)
      said <- "The API answered %s at %s; that token had %s s left."
      tagList(table_of(shown$orders), p(sprintf(said, shown$owner, shown$served_at, shown$token_expires_in)))
    },
    login_required = function(needed) p("The connection to your account has ended.", a("Connect again", href = needed$url)),
    error = function(problem) p("The orders cannot be fetched now:", conditionMessage(problem)))
  })
}

shinyApp(ui, server)
