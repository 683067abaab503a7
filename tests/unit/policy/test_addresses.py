from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.addresses import is_public, may_connect, parse_address

PUBLIC = ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8", "::8.8.8.8"]
REFUSED = {
    "loopback": ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1"],
    "this host": ["0.0.0.0", "0.1.2.3", "::", "::ffff:0.0.0.0"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12::1", "::ffff:10.0.0.1"],
    "link-local": ["169.254.0.1", "fe80::1", "::ffff:169.254.1.1"],
    "metadata": ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16", "64:ff9b::a9fe:a9fe"],
    "shared": ["100.64.0.1"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1"],
    "benchmarks": ["198.18.0.1"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
    "broadcast and reserved": ["255.255.255.255", "240.0.0.1"],
    "tunnels": ["2002:7f00:1::", "2002:808:808::1", "2001:0:808:808::1", "64:ff9b:1::7f00:1"],
    "site-local": ["fec0::1"],
}  # fmt: skip
CASES = [pytest.param(text, id=f"{kind}: {text}") for kind, texts in REFUSED.items() for text in texts]


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_may_be_connected_to(text: str):
    assert is_public(ip_address(text))
    assert may_connect(ip_address(text), ())


@pytest.mark.parametrize("text", CASES)
def test_an_address_that_is_not_of_the_public_internet_may_not(text: str):
    assert not is_public(ip_address(text))
    assert not may_connect(ip_address(text), ())


def test_an_allowed_network_may_be_connected_to_in_any_spelling():
    allowed = (ip_network("10.1.0.0/16"), ip_network("fd00::/8"))
    assert may_connect(ip_address("10.1.2.3"), allowed)
    assert may_connect(ip_address("::ffff:10.1.2.3"), allowed)
    assert may_connect(ip_address("fd00::1"), allowed)
    assert not may_connect(ip_address("10.2.0.1"), allowed)
    assert not may_connect(ip_address("fe80::1"), allowed)


def test_an_address_in_a_url_is_read_and_a_name_is_none():
    assert parse_address("127.0.0.1") == ip_address("127.0.0.1")
    assert parse_address("fe80::1%eth0") == ip_address("fe80::1")
    for name in ("id.example", "localhost", "127.1", "0x7f.1", "2130706433", ""):
        assert parse_address(name) is None


@given(st.ip_addresses(v=4))
def test_ipv4_inside_ipv6_is_judged_as_itself(address):
    assert is_public(ip_address(f"::ffff:{address}")) == is_public(address)
    assert is_public(ip_address(f"64:ff9b::{address}")) == is_public(address)
