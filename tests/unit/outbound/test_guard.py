"""Where we may be sent: by the operator anywhere, by a document to the public internet only, and not by a name that moves."""

import socket
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from proxy.oauth.message import NotSent, OutboundRequest, OutboundResponse
from proxy.outbound.authorization_server import AuthorizationServerClient
from proxy.outbound.guard import AddressRefused, Guard, place
from tests.journeys.authority import Authority
from tests.unit.outbound.test_authorization_server import LOOPBACK, saying, serving, whole

PRIVATE = ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fe80::1", "100.100.100.200"]


class Names(AbstractResolver):
    """Answers each lookup of a name with the next of its addresses; counts them."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=text,
                port=port,
                family=socket.AF_INET6 if ":" in text else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for text in found
        ]

    async def close(self) -> None:
        pass


def get(url: str) -> OutboundRequest:
    return OutboundRequest(method="GET", url=url, headers={})


@pytest.fixture
async def made() -> AsyncIterator[list[AuthorizationServerClient]]:
    clients: list[AuthorizationServerClient] = []
    yield clients
    for client in clients:
        await client.close()


def client(made: list[AuthorizationServerClient], **settings: object) -> AuthorizationServerClient:
    made.append(AuthorizationServerClient(total_timeout_s=2, connect_timeout_s=1, **settings))  # type: ignore[arg-type]
    return made[-1]


@pytest.mark.parametrize("address", PRIVATE)
async def test_an_address_inside_the_network_is_not_connected_to(made, address: str):
    shown = f"[{address}]" if ":" in address else address
    assert await client(made).send(get(f"https://{shown}/keys")) == NotSent("address_refused")


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_name_for_an_address_inside_the_network_is_not_connected_to(made, address: str):
    names = Names([address])
    assert await client(made, resolver=names).send(get("https://id.example/keys")) == NotSent("address_refused")
    assert names.asked == ["id.example"]


async def test_one_private_address_among_public_ones_is_enough_to_refuse_a_name(made):
    names = Names(["93.184.216.34", "127.0.0.1"])
    assert await client(made, resolver=names).send(get("https://id.example/")) == NotSent("address_refused")


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f000001", "127.0.0.1."])
async def test_other_spellings_of_loopback_reach_nothing(made, host: str):
    async with serving(saying(whole(b"{}"))) as server:
        found = await client(made).send(get(f"http://{host}:{URL(server.url).port}/"))
    assert isinstance(found, NotSent)
    assert server.requests == []


async def test_what_the_operator_wrote_is_reached_wherever_it_is(made):
    async with serving(saying(whole(b"{}"))) as server:
        port = URL(server.url).port
        written = client(made, written=[server.url])
        assert isinstance(await written.send(get(server.url)), OutboundResponse)
        assert isinstance(await written.send(get(f"http://127.0.0.1:{port}/another/path")), OutboundResponse)
        named = client(made, written=[f"http://Keycloak.internal:{port}/"], resolver=Names(["127.0.0.1"]))
        assert isinstance(await named.send(get(f"http://keycloak.internal:{port}/")), OutboundResponse)
    assert len(server.requests) == 3


async def test_another_port_of_the_same_host_is_another_place(made):
    async with serving(saying(whole(b"{}"))) as server:
        written = client(made, written=["http://127.0.0.1:1/", "https://127.0.0.1/"])
        assert await written.send(get(server.url)) == NotSent("address_refused")
    assert server.requests == []


async def test_an_allowed_network_is_reached(made):
    async with serving(saying(whole(b"{}"))) as server:
        assert isinstance(await client(made, allow_networks=LOOPBACK).send(get(server.url)), OutboundResponse)
        other = client(made, allow_networks=(ip_network("10.0.0.0/8"),))
        assert await other.send(get(server.url)) == NotSent("address_refused")


async def test_the_connection_goes_to_the_address_that_was_judged(made):
    """A name that means something else at the next lookup (DNS rebinding) is looked up once, and that is where we go."""
    async with serving(saying(whole(b"{}"))) as server:
        names = Names(["127.0.0.1"], ["127.0.0.9"])
        pinned = client(made, allow_networks=(ip_network("127.0.0.1/32"),), resolver=names)
        url = f"http://id.example:{URL(server.url).port}/token"
        assert isinstance(await pinned.send(get(url)), OutboundResponse)
    assert names.asked == ["id.example"]
    assert b"host: id.example:" in server.requests[0].lower()


async def test_a_certificate_is_checked_against_the_name_and_not_the_address(made, tmp_path: Path):
    authority = Authority(tmp_path)
    settings = {"ca_bundle": authority.certificate, "allow_networks": LOOPBACK}
    async with serving(saying(whole(b"{}")), authority.issue("id.example").context()) as server:
        port = URL(server.url).port
        right = client(made, resolver=Names(["127.0.0.1"]), **settings)
        assert isinstance(await right.send(get(f"https://id.example:{port}/")), OutboundResponse)
        wrong = client(made, resolver=Names(["127.0.0.1"]), **settings)
        assert await wrong.send(get(f"https://other.example:{port}/")) == NotSent("tls_wrong_name")


# — through a proxy ———————————————————————————————————————————————————————————————————————————————————————————————————


async def test_a_proxy_is_asked_to_connect_and_its_no_is_not_sent(made):
    async with serving(saying(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")) as proxy:
        port = URL(proxy.url).port
        through = client(made, proxy=f"http://ada:s3cret@127.0.0.1:{port}", resolver=Names(["127.0.0.1"]))
        assert await through.send(get("https://id.example/token")) == NotSent("proxy_refused")
    head = proxy.requests[0].split(b"\r\n")
    assert head[0] == b"CONNECT id.example:443 HTTP/1.1"
    assert b"Proxy-Authorization: Basic YWRhOnMzY3JldA==" in head


async def test_addresses_inside_the_network_are_refused_through_a_proxy_too(made):
    async with serving(saying(whole(b"{}"))) as proxy:
        through = client(made, proxy=f"http://127.0.0.1:{URL(proxy.url).port}")
        assert await through.send(get("https://169.254.169.254/")) == NotSent("address_refused")
    assert proxy.requests == []


async def test_loopback_and_the_hosts_named_are_reached_without_the_proxy(made):
    async with serving(saying(whole(b"{}"))) as proxy, serving(saying(whole(b"{}"))) as server:
        port = URL(server.url).port
        through = client(
            made,
            proxy=f"http://127.0.0.1:{URL(proxy.url).port}",
            no_proxy=("corp.example",),
            allow_networks=LOOPBACK,
            resolver=Names(["127.0.0.1"]),
        )
        for host in ("127.0.0.1", "corp.example", "id.corp.example"):
            assert isinstance(await through.send(get(f"http://{host}:{port}/")), OutboundResponse)
        assert proxy.requests == []
        await through.send(get(f"http://notcorp.example:{port}/"))
        assert len(proxy.requests) == 1


# — the judgement alone ——————————————————————————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("https://Id.Example/a", ("id.example", 443)),
        ("http://[::1]:80/", ("::1", 80)),
        ("https://h:8443", ("h", 8443)),
        ("nonsense", ("", 0)),
    ],
)
def test_a_place_is_a_host_and_a_port(url: str, where: tuple[str, int]):
    assert place(url) == where


def test_an_answer_that_is_no_address_is_refused():
    with pytest.raises(AddressRefused):
        Guard(written=(), allowed=()).check_found("id.example", 443, ["not-an-address"])
