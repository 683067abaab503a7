"""R against the real process: the scripts of ``content_examples/`` as they are, and the file to copy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.doubles.protected_api import ProtectedApi
from tests.doubles.serving import free_port
from tests.journeys.content_process import content_variables, handle_of_ada
from tests.journeys.stage import Stage, stage
from tests.r_process import needs_r, run_r


@dataclass(slots=True)
class RScene:
    """A stage whose content is written in R."""

    stage: Stage
    api: ProtectedApi
    variables: dict[str, str]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[RScene]:
    async with stage(tmp_path) as the_stage, ProtectedApi.running(the_stage.server) as api:
        variables = await content_variables(the_stage)
        assert variables["CONNECT_SERVER"].startswith("http://127.0.0.1:")
        variables["ORDERS_API"] = f"{api.url}/orders".replace("127.0.0.1", "localhost")
        # A proxy that is not there, for all but the API: who asked it for the token would get none.
        variables |= {"http_proxy": f"http://127.0.0.1:{free_port()}", "no_proxy": "localhost"}
        yield RScene(the_stage, api, variables)


SCRIPTS = [
    pytest.param("exchange_base.R", marks=needs_r()),
    pytest.param("exchange_httr2.R", marks=needs_r("httr2")),
]


@pytest.mark.parametrize("script", SCRIPTS)
async def test_the_script_calls_the_api_as_the_viewer(scene: RScene, script: str) -> None:
    handle = await handle_of_ada(scene.stage)

    ran = await asyncio.to_thread(run_r, script, environment=scene.variables, told=f"{handle}\n")

    assert ran.returncode == 0, ran.stderr
    assert '"owner": "Ada Lovelace"' in ran.stdout
    assert scene.api.users() == ["ada"]


@needs_r("httr2")
async def test_the_httr2_script_says_why_it_gets_no_token(scene: RScene) -> None:
    ran = await asyncio.to_thread(
        run_r, "exchange_httr2.R", environment=scene.variables, told="no such session token\n"
    )

    assert ran.returncode != 0
    assert "HTTP 400" in ran.stderr
    assert "Invalid subject_token" in ran.stderr


ONE_AFTER_ANOTHER = """
source("viewer_token.R")
session <- list(request = list(HTTP_POSIT_CONNECT_USER_SESSION_TOKEN = readLines(file("stdin"), n = 1)))
first <- viewer_token(session)
stopifnot(identical(viewer_token(session), first))
read <- function(token) jsonlite::fromJSON(url(Sys.getenv("ORDERS_API"), headers = c(Authorization = paste("Bearer", token))))
cat(read(first)$owner, "\\n")
cat(class(tryCatch(viewer_token("gone"), error = identity))[1], "\\n")
"""


@needs_r("curl", "jsonlite")
async def test_the_file_to_copy_gets_the_viewers_token(scene: RScene) -> None:
    handle = await handle_of_ada(scene.stage)

    ran = await asyncio.to_thread(run_r, "-e", ONE_AFTER_ANOTHER, environment=scene.variables, told=f"{handle}\n")

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split("\n")[:2] == ["Ada Lovelace ", "simpleError "]
    assert scene.api.users() == ["ada"]


AS_CONNECTCREDS = """
client <- httr2::oauth_client(
  "posit-connect",
  token_url = paste0(Sys.getenv("CONNECT_SERVER"), "/__api__/v1/oauth/integrations/credentials"),
  auth = function(req, client, api_key) httr2::req_headers(req, Authorization = paste("Key", api_key)),
  auth_params = list(api_key = Sys.getenv("CONNECT_API_KEY"))
)
exchange <- function(subject_token) httr2:::oauth_client_get_token(
  client,
  grant_type = "urn:ietf:params:oauth:grant-type:token-exchange",
  subject_token = subject_token,
  subject_token_type = "urn:posit:connect:user-session-token"
)
Sys.setenv(no_proxy = "127.0.0.1,localhost")
token <- exchange(readLines(file("stdin"), n = 1))
stopifnot(token$token_type == "Bearer", token$expires_at > Sys.time() + 60, is.null(token$refresh_token))
answer <- httr2::req_perform(httr2::req_auth_bearer_token(httr2::request(Sys.getenv("ORDERS_API")), token$access_token))
cat(httr2::resp_body_json(answer)$owner, "\\n")
refused <- tryCatch(exchange("no such session token"), httr2_oauth = identity)
cat(inherits(refused, "httr2_oauth"), conditionMessage(refused), "\\n")
"""
"""What connectcreds (0.2) does with httr2: its client, its form, and httr2's reading of tokens and errors."""


@needs_r("httr2")
async def test_httr2_takes_our_answers_as_those_of_a_token_endpoint(scene: RScene) -> None:
    handle = await handle_of_ada(scene.stage)

    ran = await asyncio.to_thread(run_r, "-e", AS_CONNECTCREDS, environment=scene.variables, told=f"{handle}\n")

    assert ran.returncode == 0, ran.stderr
    owner, refusal = ran.stdout.splitlines()[:2]
    assert owner == "Ada Lovelace "
    assert refusal.startswith("TRUE OAuth failure [Invalid subject_token")


READ_AS_A_FILE = """
readRenviron(Sys.getenv("FILE"))
for (name in c("CONNECT_SERVER", "CONNECT_API_KEY", "CONNECT_CONTENT_GUID", "POSIT_PRODUCT", "RSTUDIO_PRODUCT"))
  cat(name, "=", Sys.getenv(name), "\\n", sep = "")
"""


@needs_r()
async def test_r_itself_reads_what_content_env_prints(scene: RScene, tmp_path: Path) -> None:
    """``readRenviron``, or a file named ``.Renviron`` beside the app; connectcreds looks at ``RSTUDIO_PRODUCT`` only."""
    printed = await content_variables(scene.stage)
    file = tmp_path / "sales.env"
    file.write_text("".join(f"{name}={value}\n" for name, value in printed.items()))

    ran = await asyncio.to_thread(run_r, "-e", READ_AS_A_FILE, environment={"FILE": str(file)})

    assert dict(line.split("=", 1) for line in ran.stdout.splitlines()) == printed
    assert (printed["POSIT_PRODUCT"], printed["RSTUDIO_PRODUCT"]) == ("CONNECT", "CONNECT")
