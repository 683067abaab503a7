"""Bodies of the Server API: read in one way only, judged whole, and nothing of them is quoted."""

from __future__ import annotations

import gzip
import json

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.web.api.bodies import guid, json_body, query
from proxy.web.api.integration_shapes import ASSOCIATIONS, INTEGRATION_PATCH, NEW_INTEGRATION
from proxy.web.api.refusals import api_answers
from proxy.web.services import API
from tests.unit.web.conftest import api_services, as_served

GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
SOUND = {"name": "Lake", "template": "custom", "config": {"client_id": "sidecar", "use_pkce": True}}


@pytest.fixture
async def echo(aiohttp_client, flows):
    """An application that gives back what it understood."""

    async def read(request: web.Request) -> web.Response:
        shape = {"new": NEW_INTEGRATION, "patch": INTEGRATION_PATCH, "list": ASSOCIATIONS}[request.match_info["shape"]]
        return web.json_response(shape.dump_python(await json_body(request, shape), exclude_unset=True))

    async def at(request: web.Request) -> web.Response:
        return web.json_response({"guid": guid(request), "query": query(request)})

    app = web.Application(middlewares=[api_answers], client_max_size=64 * 1024)
    app[API] = api_services(flows)
    app.router.add_post("/{shape}", read)
    app.router.add_get("/at/{guid}", at)
    return await aiohttp_client(await as_served(app))


async def refused(answer):
    said = await answer.json()
    assert set(said) == {"code", "error", "payload"}
    return answer.status, said["code"], said["error"]


@pytest.mark.parametrize(
    ("shape", "body"),
    [
        pytest.param("new", SOUND, id="posit-sdk creates"),
        pytest.param("new", SOUND | {"description": None}, id="posit-sdk's description=None"),
        pytest.param("new", SOUND | {"permissions": [{"user_guid": GUID, "group_guid": None}]}, id="rsconnect permits"),
        pytest.param("new", {"template": "custom", "config": {}}, id="rsconnect without a name"),
        pytest.param("patch", {}, id="posit-sdk updates nothing"),
        pytest.param("patch", {"config": {"client_secret": "new", "issuer": None}}, id="connectapi merges"),
        pytest.param("list", [], id="connectapi takes all away"),
        pytest.param("list", [{"oauth_integration_guid": GUID}], id="the owner's curl"),
    ],
)
async def test_what_connects_clients_send_is_read(echo, shape, body):
    for kind in ("application/json", "application/x-www-form-urlencoded", "text/plain; charset=latin-1"):
        answer = await echo.post(f"/{shape}", data=json.dumps(body), headers={"Content-Type": kind})
        assert (answer.status, await answer.json()) == (200, body)


async def test_what_was_read_from_here_may_be_sent_back(echo):
    permission = {"id": "1", "guid": GUID, "integration_guid": GUID, "user_guid": GUID, "group_guid": None}
    answer = await echo.post("/patch", json={"permissions": [permission]})
    assert await answer.json() == {"permissions": [{"user_guid": GUID, "group_guid": None}]}
    association = {"app_guid": GUID, "content_guid": GUID, "oauth_integration_guid": GUID, "oauth_integration_name": "x",
                   "oauth_integration_description": "", "oauth_integration_template": "custom",
                   "oauth_integration_auth_type": "Viewer", "created_time": "2026-01-01T00:00:00Z"}  # fmt: skip
    assert await (await echo.post("/list", json=[association])).json() == [{"oauth_integration_guid": GUID}]


def with_config(value: str) -> bytes:
    return b'{"template": "custom", "config": {"scopes": ' + value.encode() + b"}}"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b"", (400, 121), id="nothing"),
        pytest.param(b"template=custom", (400, 121), id="a form"),
        pytest.param(b'{"template": "custom",}', (400, 121), id="half JSON"),
        pytest.param(b"{'template': 'custom'}", (400, 121), id="Python"),
        pytest.param(json.dumps(SOUND).encode("utf-16"), (400, 121), id="UTF-16"),
        pytest.param(b"\xef\xbb\xbf" + json.dumps(SOUND).encode(), (400, 121), id="a byte order mark"),
        pytest.param(b'{"template": "\xff\xfe", "config": {}}', (400, 121), id="no UTF-8"),
        pytest.param(b"[" * 60_000, (400, 121), id="deep"),
        pytest.param(b'{"config":' * 5_000 + b"1" + b"}" * 5_000, (400, 121), id="deep and closed"),
        pytest.param(with_config("NaN"), (400, 121), id="NaN"),
        pytest.param(with_config("-Infinity"), (400, 121), id="Infinity"),
        pytest.param(with_config("9" * 5_000), (400, 121), id="a number beyond all measure"),
        pytest.param(with_config("1e999"), (400, 25), id="a number that is infinite"),
        pytest.param(with_config("12"), (400, 25), id="a number for text"),
        pytest.param(with_config('["openid"]'), (400, 25), id="a list for text"),
        pytest.param(with_config("[" * 300 + "]" * 300), (400, 25), id="not so deep"),
        pytest.param(with_config(r'"a\ud800b"'), (400, 25), id="half a surrogate pair"),
        pytest.param(with_config(r'"a\u0000b"'), (400, 25), id="NUL"),
        pytest.param(b'{"template": "custom", "config": {"a\\u0000": "b"}}', (400, 25), id="NUL in a name"),
        pytest.param(b'{"template": "custom", "config": {"\\udfff": "b"}}', (400, 25), id="surrogate in a name"),
        pytest.param(b'{"template": "custom", "template": "azure", "config": {}}', (400, 25), id="a name twice"),
        pytest.param(b'{"template": "custom", "config": {"scopes": "a", "scopes": "b"}}', (400, 25), id="twice inside"),
        pytest.param(b'{"template": "custom", "config": {}, "everyone": true}', (400, 25), id="unknown field"),
        pytest.param(b'{"template": 7, "config": {}}', (400, 25), id="wrong type"),
        pytest.param(b'{"template": "custom", "config": []}', (400, 25), id="a list for an object"),
        pytest.param(b'{"template": "custom", "config": {}, "permissions": {}}', (400, 25), id="an object for a list"),
        pytest.param(b'{"config": {}}', (400, 25), id="a field missing"),
        pytest.param(b"[]", (400, 25), id="an array"),
        pytest.param(b'"custom"', (400, 25), id="text"),
        pytest.param(b"null", (400, 25), id="null"),
        pytest.param(b" " * 70_000, (413, 87), id="huge"),
    ],
)
async def test_a_body_that_two_readers_would_read_differently_is_refused(echo, body, expected):
    assert (await refused(await echo.post("/new", data=body)))[:2] == expected


@pytest.mark.parametrize(
    ("shape", "body", "text"),
    [
        ("new", SOUND | {"auth_type": "Viewer"}, "auth_type: unknown field."),
        ("new", {"template": "custom"}, "config: required."),
        ("new", SOUND | {"config": {"use_pkce": 1}}, "config.use_pkce: must be text, true, false or null."),
        ("new", SOUND | {"config": "x"}, "config: must be a JSON object."),
        ("patch", {"permissions": [{"user_guid": 1}]}, "permissions[0].user_guid: input should be a valid string."),
        ("patch", {"s3cret value!": 1}, "…: unknown field."),
        ("list", {}, "The body: input should be a valid list."),
        ("list", [{}, {}], "[0].oauth_integration_guid: required."),
        ("list", ["x"], "[0]: must be a JSON object."),
    ],
)  # fmt: skip
async def test_a_refusal_says_where_and_never_quotes_a_value(echo, shape, body, text):
    assert (await refused(await echo.post(f"/{shape}", json=body)))[2] == text


async def test_a_compressed_body_is_refused_unread(echo):
    for coding in ("gzip", "br", "x-unknown"):
        sent = gzip.compress(json.dumps(SOUND).encode())
        answer = await echo.post("/new", data=sent, headers={"Content-Encoding": coding})
        assert (await refused(answer))[:2] == (415, 87)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["name", "template", "config", "x"]), inner),
    max_leaves=10,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(body=st.binary() | st.text().map(str.encode) | JSON.map(lambda value: json.dumps(value).encode()))
async def test_no_body_whatever_gives_a_500(echo, body):
    for shape in ("new", "patch", "list"):
        answer = await echo.post(f"/{shape}", data=body)
        assert answer.status in {200, 400}


# — addresses and queries ————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize("text", [GUID, GUID.upper()])
async def test_a_guid_is_read_in_lower_case(echo, text):
    assert await (await echo.get(f"/at/{text}?a=1&b=")).json() == {"guid": GUID, "query": {"a": "1", "b": ""}}


@pytest.mark.parametrize("text", ["1", "sales", GUID[:-1], GUID.replace("-", ""), f"{GUID}%00", f"{GUID}%2F",
                                  f"%20{GUID}", "ａ" * 36])  # fmt: skip
async def test_what_is_no_guid_is_404(echo, text):
    assert (await refused(await echo.get(f"/at/{text}")))[:2] == (404, 3)


@pytest.mark.parametrize(
    "text", ["a=1&a=1", "a=1&%61=2", "a&a", "a=%ff", "&".join(f"p{number}=" for number in range(70))]
)
async def test_a_query_that_two_readers_would_read_differently_is_refused(echo, text):
    from yarl import URL

    answer = await echo.get(URL(f"/at/{GUID}?{text}", encoded=True))
    assert (await refused(answer))[:2] == (400, 25)
