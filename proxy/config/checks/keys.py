"""Keys are strong, of contents that exist, and each stands only once."""

from __future__ import annotations

import re

from proxy.config.checks.draft import Draft, refuse_repeats
from proxy.config.checks.integrations import unknown
from proxy.config.problems import Path, Report
from proxy.config.references import say_not_a_value
from proxy.sealing import parse_key

SHORTEST_API_KEY = 32
_FEWEST_DISTINCT = 10
"""Even 32 random hex digits hardly ever have fewer distinct characters."""
_PLACEHOLDER = re.compile(
    r"change|replace|placeholder|example|secret|password|default|your[_-]|api[_-]?key|12345|abcdef"
)
_ASK_KEYGEN = "`oauth-sidecar keygen` prints a good one"


def check_keys(draft: Draft) -> None:
    """Store keys strong and different; API keys strong, different, and of contents that exist."""
    report = draft.report
    raw: list[tuple[Path, bytes]] = []
    for here, text in draft.store_keys:
        if not draft.is_given(*here):
            continue
        try:
            raw.append((here, parse_key(text)))
        except ValueError as exc:
            report.add(here, say_not_a_value(text) or str(exc))
    for here, text in draft.given(draft.api_keys, "key", lambda item: item.key):
        check_strength(here, text, report)
    for here, name in draft.given(draft.api_keys, "content", lambda item: item.content):
        if name not in draft.content_names:
            report.add(here, f"no content has this name{unknown(name, draft.content_names)}")
    names = draft.given(draft.api_keys, "name", lambda item: item.name)
    refuse_repeats(names, report, "the API key in {} has this name too")
    used = draft.given(draft.api_keys, "key", lambda item: _as_key(item.key))
    refuse_repeats([*raw, *used], report, "the same key stands in {} already: each needs its own")


def check_strength(path: Path, key: str, report: Report, *, what: str = "an API key") -> None:
    """Report a key, or another secret that we share, which could be guessed."""
    if problem := say_not_a_value(key):
        report.add(path, problem)
    elif re.search(r"\s", key) or not key.isascii():
        report.add(path, f"{what} has ASCII characters and no blanks; {_ASK_KEYGEN}")
    elif len(key) < SHORTEST_API_KEY:
        report.add(path, f"{what} has at least {SHORTEST_API_KEY} characters; {_ASK_KEYGEN}")
    elif _PLACEHOLDER.search(key.lower()) or len(set(key)) < _FEWEST_DISTINCT:
        report.add(path, f"the key is a placeholder or follows a pattern; {_ASK_KEYGEN}")


def _as_key(text: str) -> bytes:
    """Return what is compared: the raw key where it is one, so that two spellings of it are the same."""
    try:
        return parse_key(text)
    except ValueError:
        return text.encode()
