"""The vendors' own clients take what content gets: the lines of ``docs/providers/``, word for word, but for the address.

Each with the token out of the header and with the one from the exchange, which came through the real process.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.doubles.vendor_apis import VendorApis
from tests.journeys.authority import Authority
from tests.journeys.content_process import CHECKOUT, run_as_content
from tests.journeys.stage import ACCESS_TOKEN, SESSION_TOKEN, Stage, stage

FROM_HEADER = "def viewer_token(headers):\n    return headers['X-Forwarded-Access-Token']\n"
"""What content does that reads the header instead: in place of ``viewer_token.py``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A vendor's client and the page that shows it."""

    page: str
    package: str
    address: str
    """What the page says for where the API is, and a test has to replace."""
    at: str
    """What replaces it; ``{url}``, ``{host}`` and ``{port}`` are the double's."""
    then: str
    """One call, and print as whom."""
    needs_tls: bool = False


CLIENTS = {
    "databricks": Client(
        page="databricks",
        package="databricks.sdk",
        address="https://dbc-1234.cloud.databricks.com",
        at="{url}",
        then="print(workspace.current_user.me().user_name)",
    ),
    "snowflake": Client(
        page="snowflake",
        package="snowflake.connector",
        address='account="myorg-account",',
        at='account="myorg-account", host="{host}", port={port}, protocol="http",',
        then="print(connection.cursor().execute('select current_user()').fetchone()[0])\nconnection.close()",
    ),
    "azure": Client(
        page="azure",
        package="azure.storage.blob",
        address="https://ACCOUNT.blob.core.windows.net",
        at="https://localhost:{port}",
        then="print(next(iter(blobs.list_containers())).name)",
        needs_tls=True,  # the client sends no bearer token without
    ),
    "bigquery": Client(
        page="google",
        package="google.cloud.bigquery",
        address='project="PROJECT",',
        at='project="PROJECT", client_options={{"api_endpoint": "{url}"}},',
        then="print(next(iter(client.list_datasets())).dataset_id)",
    ),
}


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path) as the_stage:
        yield the_stage


@pytest.mark.parametrize("source", ["header", "exchange"])
@pytest.mark.parametrize("name", CLIENTS)
async def test_the_documented_lines_reach_the_vendors_api_as_the_viewer(
    scene: Stage, tmp_path: Path, name: str, source: str
) -> None:
    client = CLIENTS[name]
    if not is_installed(client.package):
        pytest.skip(f"{client.package} is not installed (extra `clients`)")
    async with AsyncExitStack() as stack:
        authority = Authority(tmp_path)
        tls = authority.issue("localhost").context() if client.needs_tls else None
        apis = await stack.enter_async_context(VendorApis.running(scene.server, tls=tls))
        await scene.signed_in("ada")
        app = tmp_path / "app"
        app.mkdir()
        (app / "streamlit.py").write_text(f"class context:\n    headers = {received(scene)!r}\n")
        if source == "header":
            (app / "viewer_token.py").write_text(FROM_HEADER)

        said = await run_as_content(
            scene,
            f"{documented(client, apis.url)}\n{client.then}",
            folders=(app,),
            more={"HOME": str(app), "REQUESTS_CA_BUNDLE": str(authority.certificate)},
        )

        assert said == "ada"
        assert {(call.what, call.owner) for call in apis.calls} == {(name, "ada")}


async def test_a_client_that_lives_longer_than_its_token_goes_on_with_a_new_one(scene: Stage, tmp_path: Path) -> None:
    client = CLIENTS["databricks"]
    if not is_installed(client.package):
        pytest.skip(f"{client.package} is not installed (extra `clients`)")
    scene.server.access_ttl_s = 2
    async with VendorApis.running(scene.server) as apis:
        await scene.signed_in("ada")
        (tmp_path / "streamlit.py").write_text(f"class context:\n    headers = {received(scene)!r}\n")
        twice = f"{client.then}\nimport time\ntime.sleep(2.2)\n{client.then}"

        said = await run_as_content(
            scene, f"{documented(client, apis.url)}\n{twice}", folders=(tmp_path,), more={"HOME": str(tmp_path)}
        )

        assert said == "ada"
        assert [call.owner for call in apis.calls] == ["ada", "ada"]
        assert len({call.token for call in apis.calls}) == 2


def received(scene: Stage) -> dict[str, str]:
    """The headers of the request that content saw, as far as it needs them."""
    seen = scene.new_content_request()
    return {header.decode(): (seen.value(header) or b"").decode() for header in (ACCESS_TOKEN, SESSION_TOKEN)}


def documented(client: Client, url: str) -> str:
    """The page's Python, with the double's address in it."""
    page = (CHECKOUT / "docs" / "providers" / f"{client.page}.md").read_text()
    [lines] = re.findall(r"## In Python\n+```python\n(.*?)```", page, re.DOTALL)
    assert lines.count(client.address) == 1, "the page names another address now"
    parts = urlsplit(url)
    return str(lines).replace(client.address, client.at.format(url=url, host=parts.hostname, port=parts.port))


def is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # of a package above it
        return False
