"""Every address of the API × everything that can be wrong with a request: the right code, and nothing is changed.

The whole sidecar runs, in this process, over a real store; what stands in the state file is compared before and after.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from proxy.policy.permissions import TABLE, Grant, Verb
from proxy.web.api.operation import Operation
from proxy.web.api.operations import OPERATIONS, TAKE_BODY
from tests.unit.web.api.scene import ADMINISTRATOR, CONTENT, NOBODY, SALES, Scene

pytestmark = pytest.mark.asyncio(loop_scope="module")


def url_of(scene: Scene, operation: Operation, query: str = "", **parts: str) -> URL:
    path = operation.path
    for name, value in ({"guid": scene.lake, "content_guid": CONTENT, "key": "custom"} | parts).items():
        path = path.replace(f"{{{name}}}", value)
    return URL(f"{scene.base}{path}{query}", encoded=True)


def key_for(operation: Operation) -> str:
    return SALES if operation.verb is Verb.EXCHANGE else ADMINISTRATOR


async def send(scene: Scene, operation: Operation, url: URL, *, body: bytes | None = None, **headers: str):
    return await scene.send(operation.method, url, key=key_for(operation), body=body, **headers)


@pytest.fixture
def unchanged(scene) -> Iterator[None]:
    """Nothing of what is stored is another when the test is over."""
    before = scene.dump()
    yield
    assert scene.dump() == before


def named(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


ALL = pytest.mark.parametrize("operation", OPERATIONS, ids=named)
WITH_JSON = pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.body is not None], ids=named)
WITH_FORM = pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.form], ids=named)
WITHOUT_BODY = pytest.mark.parametrize(
    "operation", [one for one in OPERATIONS if (one.method, one.path) not in TAKE_BODY], ids=named
)
WITH_GUID = pytest.mark.parametrize("operation", [one for one in OPERATIONS if "guid}" in one.path], ids=named)

BAD_JSON = {
    "nothing": (b"", (400, 121)),
    "half of it": (b'{"name": "Lake"', (400, 121)),
    "a form": (b"name=Lake&template=custom", (400, 121)),
    "a multipart form": (b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nLake\r\n--x--\r\n', (400, 121)),
    "XML": (b"<name>Lake</name>", (400, 121)),
    "no UTF-8": (b'{"name": "\xff"}', (400, 121)),
    "NaN": (b'{"name": NaN}', (400, 121)),
    "text": (b'"Lake"', (400, 25)),
    "null": (b"null", (400, 25)),
    "deep": (b"[" * 30_000 + b"]" * 30_000, (400, 121)),
    "less deep": (b"[" * 200 + b"]" * 200, (400, 25)),
    "a field twice": (b'{"name": "Lake", "name": "Sea"}', (400, 25)),
    "a field twice in a list": (b'[{"oauth_integration_guid": "a", "oauth_integration_guid": "b"}]', (400, 25)),
    "unknown fields": (b'{"name": "Lake", "template": "custom", "config": {}, "owner": "ada"}', (400, 25)),
    "unknown fields in a list": (b'[{"oauth_integration_guid": "a", "owner": "ada"}]', (400, 25)),
    "a number for a name": (b'{"name": 1}', (400, 25)),
    "NUL": (b'{"name": "\\u0000", "oauth_integration_guid": ""}', (400, 25)),
    "huge": (b'{"name": "' + b"a" * 70_000 + b'"}', (413, 87)),
    "huge blanks": (b" " * 70_000, (413, 87)),
}


@WITH_JSON
@pytest.mark.parametrize("bad", BAD_JSON)
async def test_bad_json_is_refused(scene, unchanged, operation, bad):
    body, expected = BAD_JSON[bad]
    status, said = await send(scene, operation, url_of(scene, operation), body=body)
    assert (status, said["code"]) == expected


@WITH_JSON
@pytest.mark.parametrize("kind", ["text/html", "application/xml", "multipart/form-data; boundary=x", "nonsense", ""])
async def test_bad_json_stays_bad_by_whatever_name(scene, unchanged, operation, kind):
    status, said = await send(scene, operation, url_of(scene, operation), body=b'{"a": 1, }', **{"Content-Type": kind})
    assert (status, said["code"]) == (400, 121)


@WITH_JSON
async def test_compressed_json_is_refused(scene, unchanged, operation):
    for coding in ("gzip", "br", "zstd", "chunky"):
        sent = {"Content-Encoding": coding, "Content-Type": "application/json"}
        status, said = await send(scene, operation, url_of(scene, operation), body=b"\x1f\x8b\x08", **sent)
        assert (status, said["code"]) == (415, 87)


@pytest.mark.parametrize(
    "operation", [one for one in OPERATIONS if one.method in {"POST", "PUT", "PATCH", "DELETE"}], ids=named
)
async def test_a_huge_body_that_does_not_say_how_long_it_is_is_refused(scene, unchanged, operation):
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 4_096

    headers = {"Authorization": f"Key {key_for(operation)}"}
    async with scene.session.request(
        operation.method, url_of(scene, operation), data=pieces(), headers=headers
    ) as answer:
        assert (answer.status, (await answer.json())["code"]) == (413, 87)


BAD_FORMS = {
    "JSON": (b'{"grant_type": "x"}', (400, 87)),
    "a JSON list": (b'["grant_type"]', (400, 87)),
    "multipart": (b'--x\r\nContent-Disposition: form-data; name="grant_type"\r\n\r\ny\r\n--x--\r\n', (400, 87)),
    "nothing": (b"", (400, 213)),
    "a field twice": (b"grant_type=a&grant_type=b", (400, 25)),
    "no UTF-8": (b"grant_type=%ff", (400, 87)),
    "too many fields": (b"&".join(b"a%d=" % number for number in range(100)), (400, 87)),
    "huge": (b"grant_type=" + b"a" * 70_000, (413, 87)),
}


@WITH_FORM
@pytest.mark.parametrize("bad", BAD_FORMS)
async def test_a_bad_form_is_refused(scene, unchanged, operation, bad):
    body, expected = BAD_FORMS[bad]
    status, said = await send(scene, operation, url_of(scene, operation), body=body)
    assert (status, said["code"]) == expected


@WITHOUT_BODY
@pytest.mark.parametrize(
    ("body", "expected"), [(b'{"force": true}', (400, 25)), (b"\xff\x00", (400, 25)), (b"a" * 70_000, (413, 87))]
)
async def test_a_body_that_nobody_would_read_is_refused(scene, unchanged, operation, body, expected):
    status, said = await send(scene, operation, url_of(scene, operation), body=body)
    assert (status, said["code"]) == expected


@WITH_GUID
@pytest.mark.parametrize(
    "guid", ["1", "lake", CONTENT[:-1], CONTENT.replace("-", ""), "%00", CONTENT + "%2F", "*", "%FF"]
)
async def test_a_guid_that_is_none_is_404(scene, unchanged, operation, guid):
    status, said = await send(
        scene, operation, url_of(scene, operation, guid=guid, content_guid=guid), body=body_for(operation)
    )
    assert (status, said["code"]) == (404, 3)


@WITH_GUID
async def test_a_guid_of_nothing_is_404(scene, unchanged, operation):
    url = url_of(scene, operation, guid=NOBODY, content_guid=NOBODY)
    status, said = await send(scene, operation, url, body=body_for(operation))
    assert (status, said["code"]) == (404, 4)


def body_for(operation: Operation) -> bytes | None:
    """Something sound, that would be done if the rest were."""
    if operation.body is None:
        return None
    return b"[]" if operation.method == "PUT" else json.dumps({"name": "Sea"}).encode()


@ALL
@pytest.mark.parametrize(
    "query", ["?a=1&a=1", "?a&a", "?all=true&%61ll=false", "?a=%ff", "?" + "&".join("abcdefghij" * 9)]
)
async def test_a_parameter_twice_is_refused(scene, unchanged, operation, query):
    status, said = await send(scene, operation, url_of(scene, operation, query), body=body_for(operation))
    assert (status, said["code"]) == (400, 25)


@ALL
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PURGE", "GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_another_method_is_405(scene, unchanged, operation, method):
    if (method, operation.path) in {(one.method, one.path) for one in OPERATIONS}:
        return
    url = url_of(scene, operation)
    # Where an integration's guid would stand, there is `credentials`.
    expected = (
        (404, 3) if operation.path.endswith("/credentials") and method in {"GET", "PATCH", "DELETE"} else (405, 2)
    )
    status, said = await scene.send(method, url)
    assert status == expected[0]
    assert method == "HEAD" or said["code"] == expected[1]


@ALL
@pytest.mark.parametrize("change", ["{}/", "{}//", "/{}", "{}.json", "{};x=1", "{}%2F", "{}%20", "/x/..{}", "{}/."])
async def test_an_address_is_served_as_it_is_written_and_never_redirected_to(scene, unchanged, operation, change):
    url = url_of(scene, operation)
    near = URL(f"{url.origin()}{change.format(url.raw_path)}", encoded=True)
    status, said = await scene.send(operation.method, near)
    assert (status, said["code"]) in {(404, 3), (404, 4), (405, 2)}


@ALL
async def test_without_a_key_there_is_nothing_to_learn(scene, unchanged, operation):
    is_open = TABLE[operation.verb].anonymous is Grant.YES
    for more in ({}, {"Authorization": f"Bearer {ADMINISTRATOR}"}):
        status, said = await scene.send(operation.method, url_of(scene, operation), key=None, **more)
        assert status == 200 if is_open else (status, said["code"]) == (401, 24)


BYTES = st.binary(max_size=2_000)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["name", "template", "config", "permissions", "user_guid", "oauth_integration_guid", "x"]),
            inner,
        )
    ),
    max_leaves=12,
).map(lambda value: json.dumps(value).encode())


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None, max_examples=30
)
@given(body=BYTES | JSON, query=st.text("?&=%all1\xff/;", max_size=12))
async def test_nothing_that_anybody_sends_gives_a_500(scene, body, query):
    for operation in OPERATIONS:
        if operation.method != "DELETE":
            url = url_of(
                scene, operation, "?" + "".join(f"%{ord(one):02X}" if ord(one) > 126 else one for one in query)
            )
            status, _ = await send(
                scene, operation, url, body=body if (operation.method, operation.path) in TAKE_BODY else None
            )
            assert status != 500


# — at public_url, behind the gateway ————————————————————————————————————————————————————————————

IN_PUBLIC = pytest.mark.parametrize("operation", [one for one in OPERATIONS if not TABLE[one.verb].is_local], ids=named)


def at_public_url(scene: Scene, operation: Operation, query: str = "") -> URL:
    url = url_of(scene, operation, query)
    return URL(f"{scene.public}{url.raw_path_qs}", encoded=True)


@IN_PUBLIC
@pytest.mark.parametrize(
    ("body", "more", "with_json", "without"),
    [
        pytest.param(b"{", {}, (400, 121), (400, 25), id="half JSON"),
        pytest.param(b"[" * 30_000 + b"]" * 30_000, {}, (400, 121), (400, 25), id="deep"),
        pytest.param(b" " * 70_000, {}, (413, 87), (413, 87), id="huge"),
        pytest.param(b"\x1f\x8b", {"Content-Encoding": "gzip"}, (415, 87), (400, 25), id="compressed"),
    ],
)
async def test_a_bad_body_is_refused_there_too(scene, unchanged, operation, body, more, with_json, without):
    status, said = await scene.send(operation.method, at_public_url(scene, operation), body=body, **more)
    assert (status, said["code"]) == (with_json if operation.body is not None else without)


@IN_PUBLIC
async def test_a_parameter_twice_and_another_method_are_refused_there_too(scene, unchanged, operation):
    status, said = await scene.send(
        operation.method, at_public_url(scene, operation, "?a=1&a=1"), body=body_for(operation)
    )
    assert (status, said["code"]) == (400, 25)
    for method, expected in (("OPTIONS", (405, 2)), ("PURGE", (501, 2))):
        status, said = await scene.send(method, at_public_url(scene, operation))
        assert (status, said["code"]) == expected


@IN_PUBLIC
async def test_there_is_no_redirect_there_either(scene, unchanged, operation):
    url = at_public_url(scene, operation)
    status, said = await scene.send(operation.method, URL(f"{url}/", encoded=True))
    if operation.verb is Verb.PING:  # with a slash it is an address of nobody's, answered as any other there
        assert status == 404
    else:
        assert (status, said["code"]) in {(404, 3), (404, 4), (405, 2)}
