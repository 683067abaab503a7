"""What R's connectapi (0.12) sends through httr, against the real process: it is not in Debian, its requests are here.

Read in its source: `Connect$request`, `check_connect_license`, `content_item`, and the functions of `integrations.R`.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from tests.journeys.office import BOB, OPS, Office, office
from tests.r_process import needs_r, run_r

pytestmark = needs_r("httr", "jsonlite")

CONNECT = """
ask <- function(method, path, ..., url = paste(Sys.getenv("CONNECT_SERVER"), "__api__", path, sep = "/"), parser = "parsed") {
  key <- httr::add_headers(Authorization = paste0("Key ", Sys.getenv("CONNECT_API_KEY")))
  answer <- get(method, envir = asNamespace("httr"))(url, key, ...)
  stopifnot(!("X-Deprecated-Endpoint" %in% names(httr::headers(answer))))
  if (is.null(parser)) return(answer)
  if (httr::http_error(answer)) stop(httr::status_code(answer), " code ", httr::content(answer)$code)
  httr::content(answer, as = parser)
}
send <- function(method, path, body) ask(method, path, body = body, encode = "json")
integrations <- "v1/oauth/integrations"
licence <- ask("GET", url = paste0(Sys.getenv("CONNECT_SERVER"), "/__ping__"), parser = NULL)
version <- ask("GET", "server_settings")$version
stopifnot(httr::status_code(licence) == 200, compareVersion(version, "2025.07.0") >= 0)
"""

ADMINISTRATOR = """
config <- jsonlite::fromJSON(readLines(file("stdin"), n = 1), simplifyVector = FALSE)
made <- send("POST", integrations, list(name = "crm", description = NULL, template = "custom", config = config))
path <- paste(integrations, made$guid, sep = "/")
changed <- send("PATCH", path, list(name = NULL, description = "customers", template = NULL, config = list(scopes = "read")))
stopifnot(
  identical(ask("GET", path), changed), changed$name == "crm", changed$description == "customers",
  changed$config$scopes == "read", changed$config$client_id == config$client_id, is.null(changed$config$client_secret)
)
listed <- ask("GET", integrations)
stopifnot(is.null(names(listed)), any(vapply(listed, function(one) identical(one$guid, made$guid), TRUE)))
cat(made$guid)
"""

PUBLISHER = """
content <- ask("GET", paste0("v1/content/", Sys.getenv("GUID")), query = list(include = "tags,owner"))
path <- paste("v1/content", content$guid, "oauth/integrations/associations", sep = "/")
crm <- readLines(file("stdin"), n = 1)
stopifnot(is.null(send("PUT", path, list(list(oauth_integration_guid = crm)))))
associations <- ask("GET", path)
got <- lapply(associations, function(one) ask("GET", paste(integrations, one$oauth_integration_guid, sep = "/")))
cat(vapply(got, function(one) one$name, ""), associations[[1]]$content_guid == content$guid, "\\n")
stopifnot(is.null(send("PUT", path, list())))
cat(length(ask("GET", path)), "\\n")
cat(tryCatch(send("PUT", path, list(list(oauth_integration_guid = "none"))), error = conditionMessage), "\\n")
"""

DELETION = """
path <- paste(integrations, readLines(file("stdin"), n = 1), sep = "/")
cat(httr::status_code(ask("DELETE", path, parser = NULL)), httr::status_code(ask("DELETE", path, parser = NULL)))
"""

VISITOR = """
given <- ask("POST", paste(integrations, "credentials", sep = "/"), encode = "form", body = list(
  grant_type = "urn:ietf:params:oauth:grant-type:token-exchange",
  subject_token_type = "urn:posit:connect:user-session-token",
  subject_token = readLines(file("stdin"), n = 1),
  requested_token_type = "urn:posit:connect:api-key",
  audience = NULL
))
Sys.setenv(CONNECT_API_KEY = given$access_token)
user <- ask("GET", "v1/user")
cat(user$email, user$user_role)
"""
"""``connect(token = session$request$HTTP_POSIT_CONNECT_USER_SESSION_TOKEN)``: a client that acts as the viewer."""


async def run_as(place: Office, who: str, program: str, told: str) -> str:
    environment = {"CONNECT_SERVER": place.url, "CONNECT_API_KEY": place.keys[who], "GUID": place.sales}
    ran = await asyncio.to_thread(run_r, "-e", CONNECT + program, environment=environment, told=f"{told}\n")
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


async def test_integrations_are_made_associated_and_deleted_from_r(tmp_path: Path) -> None:
    async with office(tmp_path) as place:
        crm = await run_as(place, OPS, ADMINISTRATOR, json.dumps(place.crm_config()))

        said = await run_as(place, BOB, PUBLISHER, crm)
        assert [line.strip() for line in said.splitlines()[:2]] == ["crm TRUE", "0"]
        assert said.splitlines()[2].strip() == "400 code 207"

        assert await run_as(place, OPS, DELETION, crm) == "204 404"


async def test_a_client_in_r_can_act_as_the_viewer_of_its_app(tmp_path: Path) -> None:
    async with office(tmp_path) as place:
        handle = await place.session_token_of("ada")

        assert await run_as(place, "sales", VISITOR, handle) == "ada@example.org viewer"
