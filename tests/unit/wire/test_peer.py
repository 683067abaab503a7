from ipaddress import ip_network

import pytest

from proxy.wire.peer import client_address, is_trusted
from tests.unit.gateway.harness import OK, answering, get

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("address", "expected"),
    [("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("fd00::1", True), ("192.0.2.1", False), ("", False), ("x", False)],
)
def test_only_listed_proxies_are_trusted(address, expected):
    assert is_trusted(address, PROXIES) is expected
    assert not is_trusted(address, ())


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        pytest.param("192.0.2.7", "192.0.2.7", id="one hop"),
        pytest.param("203.0.113.9, 192.0.2.7, 10.9.9.9", "192.0.2.7", id="right-most untrusted"),
        pytest.param('a, 1.2.3.4, ::ffff:10.0.0.1, "', "10.0.0.1", id="no address ends the search"),
        pytest.param("10.2.2.2", "10.2.2.2", id="all trusted: the left-most"),
    ],
)
def test_the_client_is_the_right_most_address_that_is_no_proxy(forwarded, expected):
    headers = [(b"X-Forwarded-For", forwarded.encode())]
    assert client_address("10.0.0.1", headers, PROXIES) == expected


async def test_a_trusted_proxy_speaks_for_another_viewer_with_each_request(start):
    """Fails when the lines about a connection are kept although a proxy shares it among viewers."""
    one = await start(answering(OK), trusted_proxies=["127.0.0.0/8"])
    client = await one.connect()
    for viewer in (b"192.0.2.1", b"192.0.2.2"):
        client.send(get("/open/", extra=b"X-Forwarded-For: " + viewer + b"\r\n"))
        await client.head()
        await client.exactly(2)
        assert one.content.bytes.count(b"X-Forwarded-For: " + viewer + b", 127.0.0.1\r\n") == 1
    client.send(get("/nowhere", extra=b"X-Forwarded-For: 192.0.2.3\r\n"))
    await client.head()
    assert one.control_requests[0].headers["Oauth-Sidecar-Client"] == "192.0.2.3"
    client.close()


async def test_nobody_else_is_believed(start):
    one = await start(answering(OK))
    await one.ask(get("/open/", extra=b"X-Forwarded-For: 192.0.2.1\r\nConnection: close\r\n"))
    assert b"X-Forwarded-For: 127.0.0.1\r\n" in one.content.bytes
    assert b"192.0.2.1" not in one.content.bytes
