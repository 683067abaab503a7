"""The API listener as content's code, and those who should not be there, meet it."""

from __future__ import annotations

import asyncio
import gzip
import io
from contextlib import redirect_stderr

import pytest
from posit.connect import Client
from posit.connect.errors import ClientError
from structlog.testing import capture_logs

from proxy.errors import StoreUnavailable
from proxy.flows.refused import Refused
from proxy.logs import configure_logs
from proxy.model import AuditAction
from tests.unit.logging_state import logging_put_back
from tests.unit.web.conftest import KEY, SALES

AUTHORIZED = {"Authorization": f"Key {KEY}"}
CREDENTIALS = "/__api__/v1/oauth/integrations/credentials"
FORM = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token_type": "urn:posit:connect:user-session-token",
    "subject_token": "handle",
}


async def envelope_of(answer):
    said = await answer.json()
    assert set(said) == {"code", "error", "payload"}
    assert isinstance(said["code"], int)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Correlation-ID"]
    assert "Location" not in answer.headers
    return answer.status, said["code"]


async def test_the_form_is_redeemed(api, flows):
    answer = await api.post(CREDENTIALS, data=FORM | {"audience": "guid", "scope": "x"}, headers=AUTHORIZED)
    assert answer.status == 200
    assert await answer.json() == {
        "access_token": "the-token",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer",
        "expires_in": 55,
    }
    assert answer.headers["Cache-Control"] == "no-store"
    assert flows.asked == [FORM | {"key": SALES.guid, "audience": "guid", "requested_token_type": None,
                            "rejected_token": None}]  # fmt: skip


async def test_a_rejected_token_comes_in_the_form_or_in_a_header_and_never_in_the_url(api, flows):
    await api.post(CREDENTIALS, data=FORM | {"rejected_token": "old"}, headers=AUTHORIZED)
    short = AUTHORIZED | {"X-Viewer-Session": "handle"}
    await api.get("/token", headers=short | {"X-Rejected-Token": "old"})
    await api.get("/token?rejected_token=old", headers=short)
    assert [asked["rejected_token"] for asked in flows.asked] == ["old", "old", None]


async def test_an_audience_in_capitals_is_the_same_integration(api, flows):
    guid = "0f8fad5b-d9cb-469f-a165-70867728950e"
    await api.post(CREDENTIALS, data=FORM | {"audience": guid.upper()}, headers=AUTHORIZED)
    assert flows.asked[0]["audience"] == guid


@pytest.mark.parametrize("values", [("one", "two"), ("sch\xfcssel",)], ids=["two", "not ASCII"])
async def test_a_rejected_token_that_cannot_be_one_is_400(api, flows, values):
    headers = [*AUTHORIZED.items(), ("X-Viewer-Session", "handle"), *(("X-Rejected-Token", one) for one in values)]
    assert await envelope_of(await api.get("/token", headers=headers)) == (400, 25)
    assert flows.asked == []


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded; charset=UTF-8", "application/octet-stream", "text/plain"]
)
async def test_a_form_is_read_whatever_it_is_called(api, flows, kind):
    headers = AUTHORIZED | {"Content-Type": kind}
    answer = await api.post(CREDENTIALS, data=b"grant_type=g&subject_token=a%2Bb&audience=", headers=headers)
    assert answer.status == 200
    assert (flows.asked[0]["subject_token"], flows.asked[0]["audience"]) == ("a+b", None)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b"subject_token=a&subject_token=b", 25, id="twice"),
        pytest.param(b"audience=&audience=", 25, id="twice empty"),
        pytest.param(b"subject_token=%ff", 87, id="not UTF-8"),
        pytest.param(b"\xff\xfe", 87, id="not ASCII"),
        pytest.param(b"&".join(b"f%d=1" % number for number in range(40)), 87, id="too many fields"),
    ],
)
async def test_a_form_that_two_readers_would_read_differently_is_400(api, flows, body, code):
    answer = await api.post(CREDENTIALS, data=body, headers=AUTHORIZED)
    assert await envelope_of(answer) == (400, code)
    assert flows.asked == []


async def test_a_body_over_64_kib_is_413(api):
    assert await envelope_of(await api.post(CREDENTIALS, data=b"a" * 70_000, headers=AUTHORIZED)) == (413, 87)


async def test_a_refusal_is_connects_with_a_way_out(api, flows):
    flows.answer = Refused(status=400, code=219, text="Refresh token is invalid", login_url="https://x/login")
    answer = await api.post(CREDENTIALS, data=FORM, headers=AUTHORIZED)
    assert (answer.status, await answer.json()) == (
        400, {"code": 219, "error": "Refresh token is invalid", "payload": {"login_url": "https://x/login"}},
    )  # fmt: skip
    flows.answer = Refused(status=503, code=241, text="…", retry_after_s=2.6)
    answer = await api.post(CREDENTIALS, data=FORM, headers=AUTHORIZED)
    assert await envelope_of(answer) == (503, 241)
    assert answer.headers["Retry-After"] == "3"


# — the short form ———————————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize("name", ["X-Viewer-Session", "Posit-Connect-User-Session-Token"])
async def test_the_short_form_answers_text_to_who_wants_only_that(api, flows, name):
    headers = AUTHORIZED | {name: "handle"}
    answer = await api.get("/token?integration=lake", headers=headers | {"Accept": "text/plain"})
    assert (answer.content_type, await answer.text()) == ("text/plain", "the-token")
    answer = await api.get("/token", headers=headers)
    assert (await answer.json())["expires_in"] == 55
    assert flows.asked == [
        {"key": SALES.guid, "session_token": "handle", "integration": "lake", "rejected_token": None},
        {"key": SALES.guid, "session_token": "handle", "integration": None, "rejected_token": None},
    ]


async def test_two_session_tokens_or_two_integrations_are_400(api, flows):
    headers = AUTHORIZED | {"X-Viewer-Session": "a", "Posit-Connect-User-Session-Token": "b"}
    assert await envelope_of(await api.get("/token", headers=headers)) == (400, 25)
    assert await envelope_of(await api.get("/token?integration=a&integration=b", headers=AUTHORIZED)) == (400, 25)
    assert flows.asked == []


# — who may ask ——————————————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, "is needed"),
        ({"Authorization": "Key"}, "is needed"),
        ({"Authorization": "Key wrong"}, "is not known"),
        ({"Authorization": f"Bearer {KEY}"}, "is needed"),
        ({"Authorization": KEY}, "is needed"),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", CREDENTIALS), ("GET", "/token"), ("GET", "/__api__/server_settings")]
)
async def test_without_the_right_key_nothing_is_said(api, flows, method, path, headers, said):
    """But whether the key is wrong or was not seen: whoever set up a program looks in another place then."""
    answer = await api.request(method, path, headers=headers)
    assert await envelope_of(answer) == (401, 24)
    error = (await answer.json())["error"]
    assert said in error
    assert error.isascii(), "JSON escapes the rest, and curl shows it so"
    assert flows.asked == []


@pytest.mark.parametrize(
    "header",
    [("Origin", "http://localhost"), ("Origin", "null"), ("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Mode", "cors"),
     ("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-Host", "a"), ("Forwarded", "for=1"), ("X-Real-Ip", "1"),
     ("Via", "1.1 p"), ("Cookie", "a=1")],
)  # fmt: skip
@pytest.mark.parametrize(("method", "path"), [("POST", CREDENTIALS), ("GET", "/token"), ("GET", "/__ping__")])
async def test_browsers_and_proxies_are_refused(api, flows, method, path, header):
    headers = AUTHORIZED | dict([header])
    assert await envelope_of(await api.request(method, path, headers=headers)) == (403, 22)
    assert flows.asked == []
    [event] = flows.recorded
    assert (event.action, event.detail["because"]) == (AuditAction.ACCESS_REFUSED, "browser_or_proxy")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200), ("localhost:3939", 200), ("app.localhost:1", 200), ("127.0.0.1:9", 200), ("[::1]:9", 200),
        ("sidecar.internal:3939", 200), ("SIDECAR.internal", 200),
        ("evil.example", 421), ("localhost.evil.example", 421), ("127.0.0.1.evil.example", 421), ("10.0.0.1", 421),
        ("localhost@evil", 421), ("localhost:x", 421), ("localhost:65536", 421), ("localhost:99999", 421), ("", 421),
    ],
)  # fmt: skip
async def test_only_names_of_this_machine_are_answered(api, flows, host, status):
    answer = await api.get("/__ping__", headers={"Host": host})
    assert answer.status == status
    if status != 200:
        assert await envelope_of(answer) == (421, 2)
        [event] = flows.recorded
        assert (event.action, event.detail["because"]) == (AuditAction.ACCESS_REFUSED, "foreign_host")
    else:
        assert flows.recorded == []


# — every other answer ———————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [("GET", "/nothing", (404, 4)), ("GET", "/token/", (404, 4)), ("PUT", CREDENTIALS, (405, 2)),
     ("HEAD", "/token", (405, 2)), ("DELETE", "/token", (405, 2))],
)  # fmt: skip
async def test_other_addresses_and_methods_get_the_envelope(api, method, path, expected):
    answer = await api.request(method, path, headers=AUTHORIZED)
    if method == "HEAD":
        assert answer.status == expected[0]
    else:
        assert await envelope_of(answer) == expected


async def test_a_405_says_what_the_address_understands(api):
    answer = await api.delete("/token", headers=AUTHORIZED)
    assert answer.headers["Allow"] == "GET"


async def test_a_failure_of_ours_says_nothing_about_itself(api, flows):
    flows.error = ZeroDivisionError("secret detail")
    with capture_logs() as lines:
        answer = await api.post(CREDENTIALS, data=FORM, headers=AUTHORIZED | {"X-Correlation-ID": "id-9"})
    assert await envelope_of(answer) == (500, 1)
    assert answer.headers["X-Correlation-ID"] == "id-9"
    assert "secret" not in await answer.text()
    [line] = lines
    assert line["request_id"] == "id-9"
    assert "handle" not in str(lines)


async def test_a_store_that_is_down_is_503_to_try_again(api, flows):
    flows.error = StoreUnavailable("locked")
    answer = await api.post(CREDENTIALS, data=FORM, headers=AUTHORIZED)
    assert await envelope_of(answer) == (503, 1)
    assert answer.headers["Retry-After"] == "5"


async def test_a_correlation_id_that_is_no_word_is_replaced(api):
    answer = await api.get("/__ping__", headers={"X-Correlation-ID": "a b;<c>"})
    assert len(answer.headers["X-Correlation-ID"]) == 16


async def test_ping_and_settings_say_what_connects_clients_ask(api):
    assert await (await api.get("/__ping__")).json() == {}
    said = await (await api.get("/__api__/server_settings", headers=AUTHORIZED)).json()
    assert (said["version"], said["oauth_integrations_enabled"]) == ("2026.06.1", True)


# — posit-sdk ————————————————————————————————————————————————————————————————————————————————————


async def test_posit_sdk_gets_credentials(api, flows):
    url = str(api.make_url("/"))

    def as_an_app_would() -> dict[str, object]:
        with Client(url=url, api_key=KEY) as client:
            return dict(client.oauth.get_credentials("handle", audience="guid"))

    given = await asyncio.to_thread(as_an_app_would)

    assert (given["access_token"], given["expires_in"]) == ("the-token", 55)
    assert (flows.asked[0]["subject_token"], flows.asked[0]["audience"]) == ("handle", "guid")


async def test_posit_sdk_raises_its_own_error_for_a_refusal(api, flows):
    flows.answer = Refused(status=400, code=215, text="Invalid subject_token")
    url = str(api.make_url("/"))

    def as_an_app_would() -> ClientError:
        with Client(url=url, api_key=KEY) as client, pytest.raises(ClientError) as caught:
            client.oauth.get_credentials("handle")
        return caught.value

    error = await asyncio.to_thread(as_an_app_would)
    assert (error.error_code, error.error_message) == (215, "Invalid subject_token")


async def answer_to(api, request: bytes) -> bytes:
    """Send bytes as they are; return all that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_two_host_headers_are_refused(api):
    answer = await answer_to(
        api, b"GET /__ping__ HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\nConnection: close\r\n\r\n"
    )
    assert answer.startswith((b"HTTP/1.1 421", b"HTTP/1.1 400", b"HTTP/1.0 400"))


async def test_a_key_that_is_no_text_is_a_wrong_key(api, flows):
    head = b"GET /token HTTP/1.1\r\nHost: localhost\r\nAuthorization: Key \xff\xc3(\r\nConnection: close\r\n\r\n"
    assert (await answer_to(api, head)).startswith(b"HTTP/1.1 401")
    assert flows.asked == []


async def test_a_malformed_request_is_refused_and_no_line_of_the_log_quotes_it(api):
    said = io.StringIO()
    with logging_put_back(), redirect_stderr(said):
        configure_logs(json=True)
        answer = await answer_to(
            api, b"GET /token HTTP/1.1\r\nHost: localhost\r\nAuthorization: Key se\x00cret-key\r\n\r\n"
        )
    assert b" 400 " in answer.partition(b"\r\n")[0]
    assert "Error handling request" in said.getvalue()
    assert "cret-key" not in said.getvalue()


async def test_a_compressed_form_is_no_form_and_never_unpacked(api, flows):
    packed = gzip.compress(b"grant_type=g&subject_token=a")
    answer = await api.post(CREDENTIALS, data=packed, headers=AUTHORIZED | {"Content-Encoding": "gzip"})
    assert await envelope_of(answer) == (400, 87)
    assert flows.asked == []
