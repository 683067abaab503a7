"""A viewer's browser as far as a benchmark needs one."""

from __future__ import annotations

import urllib.request
from http.cookiejar import CookieJar

BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.5",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "same-origin",
    "Upgrade-Insecure-Requests": "1",
    "Referer": "http://localhost/app/",
}


def sign_in(urls: list[str], cookie_name: str) -> str:
    """Visit each page, redirect by redirect; return the session cookie (``name=value``) whose name starts so."""
    jar = CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    for url in urls:
        opener.open(urllib.request.Request(url, headers=BROWSER | {"Sec-Fetch-Site": "none"}), timeout=10).read()
    found = [cookie for cookie in jar if cookie.name.startswith(cookie_name) and "binding" not in cookie.name]
    if len(found) != 1:
        raise SystemExit(f"signing in at {urls} gave the cookies {[cookie.name for cookie in jar]}")
    return f"{found[0].name}={found[0].value}"
