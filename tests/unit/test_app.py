"""The wiring of one process, as far as it goes without another one."""

import asyncio
import socket
from contextlib import closing
from dataclasses import replace

import aiohttp
import pytest

from proxy.app import _api_hosts, run, serve
from proxy.config.values import TcpListen, UnixListen
from proxy.store.sqlite import open_store
from tests.doubles.serving import free_port
from tests.unit.config.house import changed, loaded
from tests.unit.flows.house import START
from tests.unit.logging_state import logging_put_back


@pytest.fixture
def config(tmp_path):
    text = changed(
        ("sqlite:///var/lib/state.db", f"sqlite://{tmp_path}/state.db"),
        ("sign_in: warehouse\n", f"sign_in: warehouse\nlisten: 127.0.0.1:{free_port()}\n"),
        ("api:\n", f"api:\n  listen: 127.0.0.1:{free_port()}\n"),
    )
    return loaded(tmp_path, text)


@pytest.fixture
def complaint_of(capsys):
    """Serve in vain; return the exit code and what standard error got besides the log."""

    def complain(config):
        with logging_put_back():
            code = serve(config)
        lines = capsys.readouterr().err.splitlines()
        return code, [line for line in lines if not line.startswith("{")]

    return complain


@pytest.fixture
def complaint(config, complaint_of):
    return lambda: complaint_of(config)


def test_a_state_file_in_use_ends_it_with_one_line(config, complaint):
    with asyncio.Runner() as neighbour:
        store = neighbour.run(open_store(config.store_path, now=lambda: START))
        code, lines = complaint()
        neighbour.run(store.close())
    assert code == 1
    (line,) = lines
    assert line.startswith("oauth-sidecar: another oauth-sidecar (process ")


@pytest.mark.parametrize("which", ["listen", "api_listen"])
def test_a_port_in_use_ends_it_with_one_line_that_names_it(config, complaint, which):
    port = getattr(config, which).port
    with closing(socket.create_server(("127.0.0.1", port))):
        code, lines = complaint()
    assert code == 1
    (line,) = lines
    assert line.startswith("oauth-sidecar: ")
    assert str(port) in line
    assert "address already in use" in line


@pytest.mark.parametrize("setting", ["listen", "api.listen"])
def test_a_socket_that_cannot_be_made_ends_it_with_one_line_that_names_it(config, complaint_of, setting):
    here = replace(config, **{setting.replace(".", "_"): UnixListen("/nowhere/at/all.sock")})
    assert complaint_of(here) == (
        1, [f"oauth-sidecar: {setting}: unix:/nowhere/at/all.sock cannot be opened (no such file or directory)"]
    )  # fmt: skip


def test_after_a_port_was_in_use_the_state_file_is_free_again(config, complaint):
    with closing(socket.create_server(("127.0.0.1", config.listen.port))):
        complaint()
    with asyncio.Runner() as next_one:
        store = next_one.run(open_store(config.store_path, now=lambda: START))
        next_one.run(store.close())


# — what listens ————————————————————————————————————————————————————————————————————————————————————


@pytest.fixture
async def running(config):
    stop, ready = asyncio.Event(), asyncio.Event()
    here = replace(config, api_listen=TcpListen("127.0.0.2", config.api_listen.port), api_hosts=("sidecar",))
    process = asyncio.create_task(run(here, stop=stop, ready=ready))
    try:
        async with asyncio.timeout(20):
            await ready.wait()
        yield here
    finally:
        stop.set()
        await process


@pytest.mark.parametrize(
    ("host", "status"), [("127.0.0.2", 200), ("Sidecar:1", 200), ("localhost", 200), ("127.0.0.3", 421), ("other", 421)]
)
async def test_the_api_answers_to_the_host_that_it_listens_on_to_those_it_was_told_and_to_loopback(
    running, host, status
):
    url = f"http://127.0.0.2:{running.api_listen.port}/__ping__"
    async with aiohttp.ClientSession() as client, client.get(url, headers={"Host": host}) as answer:
        assert answer.status == status


@pytest.mark.parametrize("size", [9_000, 60_000])
async def test_the_exchange_reads_heads_as_long_as_the_gateway_forwards(running, size):
    """Content may send on what a viewer sent to it; aiohttp's own limit is 8,190 bytes."""
    url = f"http://127.0.0.2:{running.api_listen.port}/token?integration=warehouse"
    async with (
        aiohttp.ClientSession() as client,
        client.get(url, headers={"Authorization": "Key none", "X-Long": "x" * size}) as answer,
    ):
        assert answer.status == 401


def test_an_ipv6_address_is_known_as_a_host_header_writes_it(config):
    assert _api_hosts(replace(config, api_listen=TcpListen("fd00::5", 3939))) == {"[fd00::5]"}


async def test_it_is_ready_once_it_says_so(running):
    url = f"http://127.0.0.1:{running.listen.port}/__health__/ready"
    async with (
        aiohttp.ClientSession() as client,
        client.get(url, headers={"Host": "apps.example.org"}) as answer,
    ):
        assert answer.status == 200
