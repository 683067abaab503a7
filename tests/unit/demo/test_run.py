"""``oauth-sidecar demo`` with a sidecar that only notes what it was given."""

import asyncio
import re
import socket
from collections.abc import Callable
from pathlib import Path

from aiohttp import ClientSession

from proxy.config.values import Config
from proxy.demo.run import demo

Visit = Callable[[Config], object]


class NotedSidecar:
    """Says it is ready, looks around, and waits for the end."""

    def __init__(self, visit: Visit | None = None) -> None:
        self.config: Config | None = None
        self._visit = visit

    async def __call__(self, config: Config, *, stop: asyncio.Event, ready: asyncio.Event | None = None) -> None:
        self.config = config
        assert ready is not None
        ready.set()
        await asyncio.sleep(0)
        if self._visit is not None:
            await self._visit(config)
        await stop.wait()


async def run_once(port: int | None, sidecar: NotedSidecar) -> tuple[int, str]:
    said: list[str] = []
    stop = asyncio.Event()

    def say(text: str) -> None:
        said.append(text)
        stop.set()

    async with asyncio.timeout(10):
        code = await demo(port, stop=stop, sidecar=sidecar, say=say)
    return code, "\n".join(said)


async def test_it_says_what_to_open_and_five_things_to_try() -> None:
    sidecar = NotedSidecar()
    code, said = await run_once(None, sidecar)
    assert code == 0
    assert sidecar.config is not None
    assert f"{sidecar.config.public_url}/hello/" in said
    assert re.findall(r"^ .{11}(\d)  ", said, re.MULTILINE) == ["1", "2", "3", "4", "5"]


async def test_the_sidecar_gets_a_real_configuration_on_loopback() -> None:
    sidecar = NotedSidecar()
    await run_once(None, sidecar)
    config = sidecar.config
    assert config is not None
    [content] = config.directory.contents.values()
    [integration] = config.directory.integrations.values()
    assert config.public_url.startswith("http://localhost:")
    assert config.directory.sign_in == integration.guid
    assert content.path == "/hello/"
    assert content.integrations == (integration.guid,)
    assert integration.config["issuer"].startswith("http://127.0.0.1:")


async def test_the_folder_is_gone_afterwards() -> None:
    _, said = await run_once(None, NotedSidecar())
    found = re.search(r"(/\S+)/config\.yaml", said)
    assert found is not None
    assert not Path(found[1]).exists()


async def test_authorization_server_and_content_answer_while_it_runs() -> None:
    seen: list[tuple[int, str]] = []

    async def visit(config: Config) -> None:
        [content] = config.directory.contents.values()
        [integration] = config.directory.integrations.values()
        async with ClientSession() as http:
            for url in (f"http://127.0.0.1:{content.upstream.port}/", integration.config["issuer"] + "/"):
                async with http.get(url) as answer:
                    seen.append((answer.status, await answer.text()))

    await run_once(None, NotedSidecar(visit))
    assert [status for status, _ in seen] == [200, 200]
    assert "You came past the sidecar" in seen[0][1]
    assert "Nothing yet" in seen[1][1]


async def test_a_busy_port_is_left_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        code, said = await run_once(port, NotedSidecar())
    assert code == 1
    assert f"Port {port} cannot be used" in said


async def test_a_chosen_port_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    sidecar = NotedSidecar()
    await run_once(port, sidecar)
    assert sidecar.config is not None
    assert sidecar.config.public_url == f"http://localhost:{port}"


async def test_a_sidecar_that_cannot_start_is_told_in_one_line() -> None:
    async def refuse(_config: Config) -> None:
        raise OSError("no room")

    said: list[str] = []
    async with asyncio.timeout(10):
        code = await demo(None, stop=asyncio.Event(), sidecar=NotedSidecar(refuse), say=said.append)
    assert code == 1
    assert said[-1] == "The sidecar cannot go on: no room"
