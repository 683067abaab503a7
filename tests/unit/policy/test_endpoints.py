"""Which addresses may be named over the API as an authorization server's."""

from ipaddress import ip_network

import pytest

from proxy.policy.endpoints import METADATA_NAMES, endpoint_problem

REFUSED = [
    "https://169.254.169.254/latest/meta-data/",
    "https://[fd00:ec2::254]/",
    "https://[::ffff:169.254.169.254]/",
    "https://10.0.0.7/token",
    "https://192.168.1.1:8443/token",
    "https://127.0.0.1/token",
    "http://127.0.0.1:8080/token",
    "http://[::1]/token",
    "https://localhost/token",
    "https://LOCALHOST./token",
    "http://idp.localhost:8080/token",
    "https://127.1/token",
    "https://2130706433/token",
    "https://0x7f.1/token",
    "https://0177.0.0.1/token",
    "https://0/token",
    *(f"https://{name}/token" for name in sorted(METADATA_NAMES)),
    "https://Metadata.Google.Internal./token",
]
ALLOWED = [
    "https://login.example.org/token",
    "https://8.8.8.8/token",
    "https://[2606:4700::1111]/",
    "https://sso/token",
]


@pytest.mark.parametrize("url", REFUSED)
def test_what_is_not_on_the_public_internet_is_refused(url):
    assert endpoint_problem(url, ())


@pytest.mark.parametrize("url", ALLOWED)
def test_public_addresses_and_names_that_are_looked_up_later_are_not(url):
    assert endpoint_problem(url, ()) == ""


@pytest.mark.parametrize(
    ("url", "network"),
    [
        ("https://10.0.0.7/token", "10.0.0.0/8"),
        ("http://127.0.0.1:8080/token", "127.0.0.0/8"),
        ("http://localhost:8080/token", "127.0.0.0/8"),
        ("http://[::1]/token", "::1/128"),
    ],
)
def test_the_operators_networks_are_allowed_and_no_others(url, network):
    assert endpoint_problem(url, [ip_network(network)]) == ""
    assert endpoint_problem(url, [ip_network("172.16.0.0/12")])


@pytest.mark.parametrize("name", sorted(METADATA_NAMES))
def test_a_metadata_service_is_nobodys_network(name):
    assert endpoint_problem(f"https://{name}/token", [ip_network("0.0.0.0/0")])
