"""The Streamlit example as a process of its own."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp

from tests.journeys.sidecar import REPOSITORY

EXAMPLES = REPOSITORY / "content_examples"
STARTS_WITHIN_S = 60.0
HAS_STREAMLIT = importlib.util.find_spec("streamlit") is not None


def copy_example(folder: Path, *, fetches_every: str) -> Path:
    """Copy the example with ``viewer_token.py`` beside it; only its pace is another, so that a test need not wait."""
    text = (EXAMPLES / "streamlit" / "app.py").read_text()
    paced = text.replace('run_every="10s"', f'run_every="{fetches_every}"')
    assert paced != text, "the example's pace is written differently now"
    shutil.copy(EXAMPLES / "viewer_token.py", folder)
    path = folder / "app.py"
    path.write_text(paced)
    return path


@asynccontextmanager
async def streamlit(app: Path, port: int, **environment: str) -> AsyncIterator[str]:
    """Run the app; yield its address."""
    settings = {
        "server.headless": "true",
        "server.address": "127.0.0.1",
        "server.port": str(port),
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
    }
    options = [part for name, value in settings.items() for part in (f"--{name}", value)]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    with (app.parent / "streamlit.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", str(app), *options],
            cwd=app.parent,
            env={**inherited, "HOME": str(app.parent), **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            await _until_healthy(process, address)
            yield address
        finally:
            process.terminate()
            try:
                await asyncio.to_thread(process.wait, 10)
            except subprocess.TimeoutExpired:
                process.kill()
                await asyncio.to_thread(process.wait)


async def _until_healthy(process: subprocess.Popen[bytes], address: str) -> None:
    async with aiohttp.ClientSession() as http, asyncio.timeout(STARTS_WITHIN_S):
        while True:
            assert process.poll() is None, f"streamlit ended with {process.returncode}"
            with suppress(aiohttp.ClientError):
                async with http.get(f"{address}/_stcore/health") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.1)
