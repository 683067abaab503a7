from ipaddress import ip_network

import pytest

from proxy.wire.peer import client_address, is_trusted

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
