"""The apps of `content_examples/` as processes of their own."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.journeys.chromium import why_no_browser
from tests.r_process import EXAMPLES, RSCRIPT, why_no_r

STARTS_WITHIN_S = 60.0


def why_no_package(name: str) -> str:
    """Why Python cannot import it; empty: it can."""
    return "" if importlib.util.find_spec(name) is not None else f"{name} is not installed (extra `examples`)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """How one of them is started; ``{port}`` and ``{path}`` stand for where it is."""

    framework: str
    """Its folder."""
    app_mode: str
    needs: Callable[[], str]
    """Say why its packages cannot be used on this machine; empty: they can."""
    pace: str
    """How the app writes that it fetches every ten seconds; a test has it fetch every second."""
    files: tuple[str, str] = ("app.py", "viewer_token.py")
    """The app, and what is to be copied beside it."""
    program: str = sys.executable
    arguments: tuple[str, ...]
    """What the program is started with, in the app's folder."""
    environment: tuple[tuple[str, str], ...] = ()
    path: str = "/"
    """A page that answers 200 once the app has started."""

    @property
    def why_not(self) -> str:
        """Why there can be no browser journey with it on this machine; empty: there can."""
        return why_no_browser() or self.needs()

    def copy_to(self, folder: Path, beside_it: Path | None = None) -> None:
        """Copy it with the file to copy beside it; only its pace is another, so that a test need not wait.

        ``beside_it``: what stands there in the place of ours.
        """
        app, beside = self.files
        text = (EXAMPLES / self.framework / app).read_text()
        paced = text.replace(self.pace, self.pace.replace("10", "1"))
        assert paced != text, "the example's pace is written differently now"
        shutil.copy(beside_it or EXAMPLES / beside, folder / beside)
        (folder / app).write_text(paced)
        if (assets := EXAMPLES / self.framework / "assets").is_dir():
            shutil.copytree(assets, folder / "assets")


STREAMLIT = Example(
    framework="streamlit",
    app_mode="python-streamlit",
    needs=lambda: why_no_package("streamlit"),
    pace='run_every="10s"',
    arguments=(
        *("-m", "streamlit", "run", "app.py", "--server.headless", "true", "--server.address", "127.0.0.1"),
        *("--server.port", "{port}", "--server.fileWatcherType", "none", "--browser.gatherUsageStats", "false"),
    ),
    path="/_stcore/health",
)
SHINY = Example(
    framework="shiny",
    app_mode="python-shiny",
    needs=lambda: why_no_package("shiny"),
    pace="EVERY_S = 10",
    arguments=("-m", "shiny", "run", "--host", "127.0.0.1", "--port", "{port}", "app.py"),
)
DASH = Example(
    framework="dash",
    app_mode="python-dash",
    needs=lambda: why_no_package("dash"),
    pace="EVERY_S = 10",
    arguments=("app.py",),
    environment=(("DASH_REQUESTS_PATHNAME_PREFIX", "{path}"), ("PORT", "{port}")),
)
PANEL = Example(
    framework="panel",
    app_mode="python-panel",
    needs=lambda: why_no_package("panel"),
    pace="EVERY_S = 10",
    arguments=("app.py",),
    environment=(("PORT", "{port}"),),
)
SHINY_R = Example(
    framework="shiny_r",
    app_mode="shiny",
    needs=lambda: why_no_r("shiny", "httr2", "curl", "jsonlite"),
    pace="every_s <- 10",
    files=("app.R", "viewer_token.R"),
    program=RSCRIPT or "Rscript",
    arguments=("-e", 'shiny::runApp(host = "127.0.0.1", port = {port})'),
)


@asynccontextmanager
async def running(example: Example, folder: Path, port: int, path: str, **environment: str) -> AsyncIterator[Path]:
    """Run its copy in ``folder`` for viewers who find it at ``path``; yield the file with all that it writes."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    own = {name: value.format(port=port, path=path) for name, value in example.environment}
    log_path = folder / f"{example.framework}.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [example.program, *(part.format(port=port) for part in example.arguments)],
            cwd=folder,
            env={**inherited, "HOME": str(folder), **own, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            await _until_up(process, f"http://127.0.0.1:{port}{example.path}", log_path)
            yield log_path
        finally:
            process.terminate()
            try:
                await asyncio.to_thread(process.wait, 10)
            except subprocess.TimeoutExpired:
                process.kill()
                await asyncio.to_thread(process.wait)


async def _until_up(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    async with aiohttp.ClientSession() as http, asyncio.timeout(STARTS_WITHIN_S):
        while True:
            assert process.poll() is None, f"the app ended with {process.returncode}:\n{log.read_text()}"
            with suppress(aiohttp.ClientError):
                async with http.get(url) as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.1)
