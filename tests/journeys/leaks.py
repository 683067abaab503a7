"""Search for secrets where they must not be: what content saw, pages, cookies, logs, the bytes of the store."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from tests.doubles.authorization_server import AuthorizationServer
from tests.doubles.content import RecordingContent
from tests.doubles.grants import ACCESS_MARKER, CLIENT_SECRET_MARKER, CODE_MARKER, REFRESH_MARKER
from tests.journeys.viewer import Viewer

NEVER_ANYWHERE = (REFRESH_MARKER, CLIENT_SECRET_MARKER)
NEVER_AT_REST = (*NEVER_ANYWHERE, ACCESS_MARKER, CODE_MARKER)
NEVER_WITH_CONTENT = (*NEVER_ANYWHERE, CODE_MARKER)


@dataclass(slots=True)
class Leaks:
    """What was found, as ``place: secret``; ``assert leaks.found == []``."""

    found: list[str] = field(default_factory=list)

    def search(self, place: str, haystack: bytes, needles: Iterable[str]) -> None:
        """Look for each needle as it is, percent-encoded, in hex and in the three alignments of base64."""
        for needle in needles:
            if any(form in haystack for form in spellings(needle)):
                self.found.append(f"{place}: {needle}")

    def search_store(self, state_file: Path, needles: Iterable[str] = ()) -> None:
        """Search the database, its write-ahead log and its index; ``needles`` beside the tokens, e.g. session ids."""
        wanted = (*NEVER_AT_REST, *needles)
        for path in sorted(state_file.parent.glob(f"{state_file.name}*")):
            self.search(f"store {path.name}", path.read_bytes(), wanted)

    def search_log(self, text: bytes, needles: Iterable[str] = ()) -> None:
        self.search("log", text, (*NEVER_AT_REST, *needles))

    def search_content(self, content: RecordingContent, viewers: Iterable[Viewer]) -> None:
        sessions = [value for viewer in viewers for value in viewer.our_cookies.values()]
        self.search("content", content.everything, (*NEVER_WITH_CONTENT, *sessions))

    def search_viewer(self, viewer: Viewer) -> None:
        """Search pages, headers and cookies of one browser, and the URLs it was sent to."""
        for page in viewer.pages:
            received = b"\n".join([page.body, *(f"{k}: {v}".encode() for k, v in page.headers.items())])
            self.search(f"page {page.url.partition('?')[0]}", received, NEVER_ANYWHERE)
            if page.url.startswith(viewer.url):
                self.search(f"page {page.url.partition('?')[0]}", received, (CODE_MARKER,))
                cookies = "\n".join(page.set_cookies).encode()
                self.search(f"cookie at {page.url.partition('?')[0]}", cookies, (ACCESS_MARKER,))


def search_everywhere(
    *,
    server: AuthorizationServer,
    state_file: Path,
    log: bytes,
    contents: Iterable[RecordingContent] = (),
    viewers: Iterable[Viewer] = (),
) -> list[str]:
    """Search all places of one journey; return what was found, and secrets that the provider saw in a query."""
    leaks, viewers = Leaks(), list(viewers)
    sessions = [value for viewer in viewers for value in viewer.our_cookies.values()]
    leaks.search_store(state_file, sessions)
    leaks.search_log(log, sessions)
    for content in contents:
        leaks.search_content(content, viewers)
    for viewer in viewers:
        leaks.search_viewer(viewer)
    leaks.found += [f"query of {entry.path}" for entry in server.journal if entry.leak_in_query]
    return leaks.found


def spellings(needle: str) -> Iterator[bytes]:
    raw = needle.encode()
    yield raw
    yield quote(needle, safe="").encode()
    yield raw.hex().encode()
    for shift in range(3):
        # The first and last characters depend on the neighbours: compare what lies between.
        encoded = base64.b64encode(b"\0" * shift + raw)
        core = encoded[4 if shift else 0 : len(encoded) - 4]
        if len(core) >= 8:
            yield core
            yield core.replace(b"+", b"-").replace(b"/", b"_")
