"""How authorization servers are reached: a bundle that loads, a proxy that is one, networks that are some."""

from ipaddress import ip_network

import pytest

from proxy.config.show import effective
from tests.journeys.authority import Authority
from tests.unit.config.house import SOUND, loaded, problems


def with_outbound(text: str) -> str:
    return SOUND + "outbound:\n" + text


def test_without_the_section_the_system_is_trusted_and_nothing_private_is_reached(tmp_path):
    found = loaded(tmp_path, SOUND).outbound
    assert (found.ca_bundle, found.proxy, found.no_proxy, found.unsafe_allow_networks) == (None, "", (), ())


def test_everything_is_read(tmp_path):
    bundle = Authority(tmp_path).certificate
    assert bundle.parent == tmp_path
    text = with_outbound(
        f"  ca_bundle: {bundle.name}\n  proxy: http://ada:s3cret@proxy.example:3128/\n"
        "  no_proxy: [Corp.Example]\n  unsafe_allow_networks: [10.0.0.0/8, fd00::1]\n"
    )
    found = loaded(tmp_path, text).outbound
    assert found.ca_bundle == tmp_path / bundle.name
    assert found.proxy == "http://ada:s3cret@proxy.example:3128"
    assert found.no_proxy == ("corp.example",)
    assert found.unsafe_allow_networks == (ip_network("10.0.0.0/8"), ip_network("fd00::1/128"))


def test_a_password_of_the_proxy_is_not_shown(tmp_path):
    shown = effective(loaded(tmp_path, with_outbound("  proxy: http://ada:s3cret@proxy.example:3128\n")))
    assert "s3cret" not in shown
    assert "s3cret" not in repr(loaded(tmp_path, with_outbound("  proxy: http://ada:s3cret@proxy.example:3128\n")))
    assert "http://proxy.example:3128" in effective(
        loaded(tmp_path, with_outbound("  proxy: http://proxy.example:3128\n"))
    )


@pytest.mark.parametrize(
    "proxy",
    ["proxy.example:3128", "http://proxy.example", "https://proxy.example:3128", "http://:3128", "http://p:x", "http://p:1/a",
     "http://p:1?a", "http://p:1#a", "socks5://p:1", "http://pröxy:1"],
)  # fmt: skip
def test_what_is_no_proxy_is_refused_and_not_repeated(tmp_path, proxy):
    [found] = problems(tmp_path, with_outbound(f"  proxy: {proxy}\n"))
    assert "outbound.proxy: write the proxy as http://HOST:PORT" in found
    assert proxy not in found


def test_a_bundle_that_is_none_or_not_there_is_refused(tmp_path):
    (tmp_path / "empty.pem").write_text("no certificate")
    [found] = problems(tmp_path, with_outbound("  ca_bundle: empty.pem\n"))
    assert "has no certificates in PEM" in found
    [found] = problems(tmp_path, with_outbound("  ca_bundle: absent.pem\n"))
    assert "cannot be read" in found


@pytest.mark.parametrize("network", ["10.0.0.1/8", "everything", "10.0.0.0/33"])
def test_what_is_no_network_is_refused(tmp_path, network):
    [found] = problems(tmp_path, with_outbound(f"  unsafe_allow_networks: ['{network}']\n"))
    assert "write an IP address or a network" in found
