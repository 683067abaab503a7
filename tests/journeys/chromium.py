"""A real browser for the journeys: Chromium that knows our names and trusts the throw-away authority."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from tests.journeys.authority import CERTUTIL, Authority

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SITE = "sidecar.test"
PUBLIC_NAME = f"apps.{SITE}"


def why_no_browser() -> str | None:
    """Why there can be no browser journey on this machine; ``None``: there can."""
    missing = [name for name, found in (("chromium", CHROMIUM), ("certutil (libnss3-tools)", CERTUTIL)) if not found]
    return f"{' and '.join(missing)} not installed" if missing else None


@asynccontextmanager
async def chromium(authority: Authority, home: Path) -> AsyncIterator[Browser]:
    """Start Chromium with a home of its own; certificates are verified as anywhere."""
    authority.trust_in_home(home)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
            args=[
                f"--host-resolver-rules=MAP *.{SITE} 127.0.0.1",
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--disable-gpu",
            ],
        )
        try:
            yield browser
        finally:
            await browser.close()
