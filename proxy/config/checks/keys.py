"""Keys are strong, each stands only once, and what an API key stands for exists."""

from __future__ import annotations

import re

from proxy.config.checks.draft import Draft, refuse_repeats
from proxy.config.checks.integrations import unknown
from proxy.config.problems import Path, Report
from proxy.config.references import say_not_a_value
from proxy.config.schema import ApiKeySettings
from proxy.policy.api_keys import contradiction
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
        if name is not None and name not in draft.content_names:
            report.add(here, f"no content has this name{unknown(name, draft.content_names)}")
    for here, item in draft.api_keys:
        _check_role(here, item, draft)
    names = draft.given(draft.api_keys, "name", lambda item: item.name)
    refuse_repeats(names, report, "the API key in {} has this name too")
    used = draft.given(draft.api_keys, "key", lambda item: _as_key(item.key))
    refuse_repeats([*raw, *used], report, "the same key stands in {} already: each needs its own")


def check_roles(draft: Draft) -> None:
    """A role that nobody can fulfil is a mistake."""
    roles, report = draft.settings.roles, draft.report
    is_used = draft.is_given("roles") and (roles.administrators or roles.publishers)
    if is_used and draft.settings.sign_in is None and report.is_sound("sign_in"):
        report.add(("roles",), "without `sign_in` no viewer has a verified identity, so roles cannot be evaluated")


def _check_role(here: Path, item: ApiKeySettings, draft: Draft) -> None:
    if not draft.is_given(*here) or not draft.is_given(*here, "role"):
        return
    has_content = item.content is not None or not draft.is_given(*here, "content")
    has_user = item.user is not None or not draft.is_given(*here, "user")
    found = contradiction(item.role, has_user=has_user, has_content=has_content)
    if found is not None:
        draft.report.add((*here, found.setting), found.text)


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
