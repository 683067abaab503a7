"""``oauth-sidecar check --online``, as an administrator runs it: against servers with one fault each."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from click.testing import CliRunner

from proxy.cli import main
from tests.doubles.authorization_server import AuthorizationServer
from tests.doubles.faults import Fault, html, raw_body, redirect, rewrite, status, with_members
from tests.doubles.grants import RegisteredClient
from tests.doubles.serving import free_port
from tests.journeys.authority import Authority
from tests.journeys.sidecar import REPOSITORY, Setup
from tests.unit.oauth.keys import EC_KEY

STEPS = ("discovery", "reach", "client", "authorization", "refresh token", "clock")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the command said."""

    exit_code: int
    stdout: str
    stderr: str

    def about(self, step: str) -> tuple[str, str]:
        """Level and text of the one finding of a step."""
        assert self.exit_code in {0, 1}, self.stderr
        [findings] = [one["findings"] for one in json.loads(self.stdout)]
        [found] = [(one["level"], one["text"]) for one in findings if one["step"] == step]
        return found

    @property
    def levels(self) -> dict[str, str]:
        [findings] = [one["findings"] for one in json.loads(self.stdout)]
        return {one["step"]: one["level"] for one in findings}


@dataclass(slots=True, kw_only=True)
class Office:
    """Where an administrator sits: a server, our registration there, and the configuration."""

    server: AuthorizationServer
    client: RegisteredClient
    setup: Setup

    async def check(self, template: str = "custom", *flags: str, **changes: str | None) -> Told:
        """Run it; ``changes`` of the integration's ``config``, ``None`` takes a setting out."""
        known = self.server.config_for(self.client) if template != "oidc" else self.server.oidc_config_for(self.client)
        config = {name: value for name, value in (known | changes).items() if value is not None}
        self.setup.integrations = [{"name": "warehouse", "template": template, "config": config}]
        return await self.run(*(flags or ("--json",)))

    async def run(self, *flags: str) -> Told:
        """Run it in a thread of ours: the server answers meanwhile."""
        command = ["check", "-c", str(self.setup.write()), "--online", *flags]
        ran = await asyncio.to_thread(CliRunner().invoke, main, command)
        assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
        return Told(exit_code=ran.exit_code, stdout=ran.stdout, stderr=ran.stderr)

    async def run_as_process(self, *flags: str) -> Told:
        """The same in a process of its own, which ends without waiting for TLS's goodbye."""
        ran = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "proxy", "check", "-c", str(self.setup.write()), "--online", *flags],
            cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return Told(exit_code=ran.returncode, stdout=ran.stdout, stderr=ran.stderr)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with AuthorizationServer.running() as server:
        setup = Setup(folder=tmp_path)
        yield Office(server=server, client=server.register(setup.redirect_uri), setup=setup)


async def test_a_registration_in_order_is_one_ok_after_the_other(office: Office) -> None:
    office.server.decisions.append("error:login_required")

    told = await office.check("oidc")

    assert (told.exit_code, told.stderr) == (0, "")
    assert told.levels == dict.fromkeys(STEPS, "ok")
    assert told.about("client") == ("ok", "It takes the client (client_secret_basic).")
    [asked] = office.server.journal.at("/authorize")
    assert dict(asked.query)["prompt"] == "none"
    assert office.server.grants.access_tokens == {}, "no token was asked for"


async def test_for_people_it_is_a_line_for_each_step(office: Office) -> None:
    office.setup.integrations = [
        {"name": "warehouse", "template": "oidc", "config": office.server.oidc_config_for(office.client)}
    ]

    told = await office.run_as_process()

    assert (told.exit_code, told.stderr) == (0, "")
    name, *lines = told.stdout.splitlines()
    assert name == "warehouse:"
    assert [line[10:25].strip() for line in lines] == list(STEPS)
    assert not office.setup.state_file.exists()


@pytest.mark.parametrize("flag", ["client_secret_basic", "client_secret_post"])
async def test_a_wrong_secret_is_a_problem_that_says_what_to_look_at(office: Office, flag: str) -> None:
    wrong = "Wr0ng+secret/of mine="
    told = await office.check(client_secret=wrong, token_endpoint_auth_method=flag)

    assert told.exit_code == 1
    level, text = told.about("client")
    assert level == "problem"
    assert text.startswith("It does not take client_id and client_secret: look for a typing error, a secret that ended")
    assert text.endswith("It says: invalid_client: Wrong secret.")
    assert not {wrong, quote_plus(wrong)} & set(told.stdout.split())


async def test_a_public_client_is_told_from_an_unknown_one(office: Office) -> None:
    public = office.server.register(office.setup.redirect_uri, client_id="public", public=True)

    right = await office.check(client_id=public.client_id, client_secret=None)
    wrong = await office.check(client_id="nobody", client_secret=None)

    assert right.about("client") == ("ok", "It takes the client (none).")
    assert wrong.about("client")[1].startswith("It does not take client_id without a proof")


async def test_a_signature_that_the_server_does_not_take_is_a_problem(office: Office) -> None:
    told = await office.check(client_secret=None, private_key=EC_KEY)

    assert told.about("client")[0] == "problem"
    assert "the public half of private_key has to be registered there" in told.about("client")[1]
    assert "eyJ" not in told.stdout, "no assertion is repeated"


async def test_a_server_that_looks_at_the_code_first_proves_nothing(office: Office) -> None:
    office.server.faults.always("token", status(400, error="invalid_grant"))

    told = await office.check()

    assert told.exit_code == 0
    level, text = told.about("client")
    assert level == "note"
    assert text.startswith("It refuses a wrong proof as it refuses a made-up code, so the first sign-in will tell.")


async def test_another_word_than_a_stranger_gets_proves_that_we_are_known(office: Office) -> None:
    office.server.faults.put("token", status(401, error="invalid_request"))

    assert (await office.check()).about("client")[0] == "ok"


async def test_a_server_that_repeats_the_secret_does_not_make_us_print_it(office: Office) -> None:
    secret = office.client.secrets[0]
    echo = json.dumps(
        {"error": f"invalid_client {secret}", "error_description": f"{secret} {quote_plus(secret)} is wrong"}
    )
    office.server.faults.always("token", raw_body(echo.encode(), code=401))

    told = await office.check()

    assert secret not in told.stdout
    assert quote_plus(secret) not in told.stdout
    assert "(hidden) (hidden) is wrong" in told.about("client")[1]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (redirect(302, "https://elsewhere.example/token"), "It redirects, and nothing follows with our secret"),
        (html(404), "It answers 404 and no JSON: this is not a token endpoint."),
        (status(400, error="unauthorized_client"), "allow it the grant type authorization code"),
        (raw_body(b'{"access_token": "x"}'), "this is no authorization server to trust"),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else None,
)
async def test_an_endpoint_that_is_none_is_a_problem(office: Office, fault: Fault, words: str) -> None:
    office.server.faults.always("token", fault)

    told = await office.check()

    assert told.exit_code == 1
    assert words in told.about("client")[1]


async def test_a_redirect_uri_that_is_not_registered_is_named(office: Office) -> None:
    office.client.redirect_uris = {"https://other.example/callback"}

    told = await office.check()

    level, text = told.about("authorization")
    assert (told.exit_code, level) == (1, "problem")
    assert f"letter by letter: {office.setup.redirect_uri}" in text


async def test_scopes_that_the_server_refuses_are_named(office: Office) -> None:
    told = await office.check(scopes="openid warehouse:everything offline_access")

    level, text = told.about("authorization")
    assert (told.exit_code, level) == (1, "problem")
    assert text == "It refuses the scopes `openid warehouse:everything offline_access`: allow the client each of them."


async def test_callbacks_of_another_issuer_are_noticed_before_a_viewer_is(office: Office) -> None:
    office.server.decisions.append("wrong_iss")

    told = await office.check()

    assert (told.exit_code, told.about("authorization")[0]) == (1, "problem")
    assert "Callbacks come from the issuer https://other.example" in told.about("authorization")[1]


async def test_a_client_that_may_not_refresh_is_a_problem(office: Office) -> None:
    office.server.faults.put("token", status(400, error="invalid_grant"))
    office.server.faults.put("token", status(401, error="invalid_client"))
    office.server.faults.put("token", status(400, error="unauthorized_client"))

    told = await office.check()

    assert told.about("client")[0] == "ok"
    assert told.about("refresh token")[0] == "problem"
    assert told.about("refresh token")[1].startswith("The client may not use refresh tokens. Allow it the grant type")


async def test_scopes_without_one_for_refresh_tokens_are_worth_a_note(office: Office) -> None:
    told = await office.check(scopes="openid profile")

    assert told.exit_code == 0
    assert told.about("refresh token") == (
        "note",
        "`scopes` does not ask for one: most servers want offline_access there, some refresh_token.",
    )


async def test_google_without_offline_access_is_a_problem_even_when_the_client_is_refused(office: Office) -> None:
    told = await office.check(
        "google",
        issuer=None,
        revocation_uri=None,
        scopes=None,
        client_secret="another-one",
        authorization_parameters="access_type=online&prompt=consent",
    )

    assert told.about("client")[0] == "problem"
    assert told.about("refresh token") == (
        "problem",
        "access_type=offline is missing, and without it there is none: see `authorization_parameters`.",
    )


async def test_a_document_without_the_refresh_grant_is_a_problem(office: Office) -> None:
    document = with_members(
        {"grant_types_supported": ["authorization_code"], "code_challenge_methods_supported": ["plain"]}
    )
    office.server.faults.always("metadata", document)
    office.server.decisions.append("html_error")

    told = await office.check("oidc")

    assert told.about("refresh token") == ("problem", "The server's document lists no grant type refresh_token.")
    assert "does not list PKCE with S256" in told.stdout


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (
            with_members({"issuer": "https://other.example"}),
            "of the issuer https://other.example, and http://127.0.0.1",
        ),
        (
            with_members({"token_endpoint": "https://other.example/token"}),
            "names no token endpoint, or one on another origin",
        ),
        (with_members({"jwks_uri": "https://other.example/keys"}), "names a jwks_uri on another origin"),
        (raw_body(b"<html>"), "is no JSON object"),
        (status(404), "/.well-known/oauth-authorization-server answers 404. Check `issuer`."),
    ],
    ids=["issuer", "token_endpoint", "jwks_uri", "html", "404"],
)
async def test_a_document_that_cannot_be_believed_is_a_problem(office: Office, fault: Fault, words: str) -> None:
    office.server.faults.always("metadata", fault)

    told = await office.check("oidc")

    level, text = told.about("discovery")
    assert (told.exit_code, level) == (1, "problem")
    assert words in text
    assert set(told.levels) == {"discovery", "clock"}
    assert office.server.token_requests == []


@pytest.mark.parametrize(
    ("ahead_s", "level", "words"),
    [(-600, "problem", "s ahead of the server's"), (600, "problem", "s behind the server's"), (30, "note", "s behind")],
)
async def test_a_clock_that_is_wrong_is_noticed(office: Office, ahead_s: int, level: str, words: str) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=ahead_s), usegmt=True)
    for endpoint in ("token", "authorize"):
        office.server.faults.always(endpoint, raw_body(b"{}", code=400, Date=date))

    told = await office.check()

    assert told.about("clock")[0] == level
    assert words in told.about("clock")[1]


async def test_an_answer_out_of_a_cache_does_not_make_a_clock_wrong(office: Office) -> None:
    old = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
    office.server.faults.always("metadata", rewrite("old", lambda body: body, Date=old))

    assert (await office.check("oidc")).about("clock")[0] == "ok"


async def test_a_name_that_nobody_knows_and_a_port_that_nobody_listens_on_are_told_apart(office: Office) -> None:
    nobody = await office.check(token_uri=f"http://127.0.0.1:{free_port()}/token")
    unknown = await office.check(token_uri="https://login.invalid/token")

    assert nobody.about("reach")[1].startswith("It could not be asked: nobody takes connections at 127.0.0.1 port ")
    assert unknown.about("reach") == (
        "problem",
        "It could not be asked: login.invalid is not known to DNS on this machine: look for a typing error, or at its resolver.",
    )
    assert nobody.exit_code == unknown.exit_code == 1


@pytest.mark.parametrize(
    ("names", "days", "is_self_signed", "is_trusted", "words"),
    [
        (["127.0.0.1"], (-1, 1), False, True, None),
        (["127.0.0.1"], (-2, -1), False, True, "has expired: whoever runs that server has to renew it"),
        (["127.0.0.1"], (1, 2), False, True, "is not valid yet: is the clock of this machine right?"),
        (["id.example"], (-1, 1), False, True, "is for other names"),
        (["127.0.0.1"], (-1, 1), False, False, "is from an authority that this machine does not know"),
        (["127.0.0.1"], (-1, 1), True, True, "is signed by itself"),
    ],
    ids=["sound", "expired", "not yet valid", "other name", "unknown authority", "self-signed"],
)
async def test_what_is_wrong_with_a_certificate_is_said_in_words(
    tmp_path: Path,
    names: list[str],
    days: tuple[float, float],
    is_self_signed: bool,
    is_trusted: bool,
    words: str | None,
) -> None:
    authority, setup = Authority(tmp_path), Setup(folder=tmp_path)
    certificate = authority.issue(*names, valid_days=days, is_self_signed=is_self_signed)
    async with AuthorizationServer.running(tls=certificate.context()) as server:
        office = Office(server=server, client=server.register(setup.redirect_uri), setup=setup)
        if is_trusted:
            setup.more["outbound"] = {"ca_bundle": str(authority.certificate)}
        setup.integrations = [{"name": "a", "template": "custom", "config": server.config_for(office.client)}]

        told = await office.run_as_process("--json")

        level, text = told.about("reach")
        assert level == ("ok" if words is None else "problem")
        assert (words or "and its certificate is trusted") in text
        assert len(server.token_requests) == (0 if words else 3)


async def test_all_integrations_are_asked_and_one_problem_is_enough(office: Office) -> None:
    config = office.server.config_for(office.client)
    office.setup.integrations = [
        {"name": "good", "template": "custom", "config": config},
        {"name": "bad", "template": "custom", "config": config | {"client_secret": "not-the-right-one"}},
    ]

    told = await office.run("--json")

    assert told.exit_code == 1
    good, bad = json.loads(told.stdout)
    assert [one["integration"] for one in (good, bad)] == ["good", "bad"]
    assert {one["level"] for one in good["findings"]} == {"ok"}


async def test_a_faulty_configuration_is_told_before_anybody_is_asked(office: Office) -> None:
    told = await office.check(token_uri="ftp://x")

    assert told.exit_code == 78
    assert office.server.journal == []
