"""`headers` of a content: our names and no others, each of them sent, under new names that can be told apart."""

from __future__ import annotations

from collections.abc import Sequence

from proxy.config.checks.draft import Draft, header_rules_of, refuse_repeats, slug_of
from proxy.config.problems import Path, Report, did_you_mean
from proxy.config.schema import ContentSettings
from proxy.model import HeaderRules
from proxy.policy.header_names import FIXED_NAMES, name_for, name_problem, token_header
from proxy.policy.headers import fold

Placed = list[tuple[Path, str]]


def check_headers(draft: Draft) -> None:
    """Look at the names of every content that writes some."""
    report = draft.report
    ours = [*FIXED_NAMES, *(token_header(slug_of(item)) for _, item in draft.integrations)]
    for path, item in draft.contents:
        here = (*path, "headers")
        if item.headers is None or not draft.is_given(*here):
            continue
        renamed = [((*here, "rename", name), name) for name in item.headers.rename]
        dropped = [((*here, "drop", position), name) for position, name in enumerate(item.headers.drop)]
        dropped = [(place, name) for place, name in dropped if draft.is_given(*place)]
        if report.is_sound("integrations"):  # else a name may be one that we cannot know
            _refuse_unknown([*renamed, *dropped], ours, report)
        refuse_repeats(_without_case(renamed), report, "this header is renamed already, in {}")
        refuse_repeats(_without_case(dropped), report, "this header stands here already, in {}")
        if draft.is_given(*path, "app_mode"):
            _check_new_names(renamed, item, ours, report)


def _without_case(names: Placed) -> Placed:
    return [(place, name.lower()) for place, name in names]


def _refuse_unknown(names: Placed, ours: Sequence[str], report: Report) -> None:
    known = {name.lower() for name in ours}
    for place, name in names:
        if name.lower() not in known:
            hint = did_you_mean(name, ours) or f"; there are: {', '.join(ours)}"
            report.add(place, f"the sidecar sends no header of this name{hint}")


def _check_new_names(renamed: Placed, item: ContentSettings, ours: Sequence[str], report: Report) -> None:
    """A new name is one that HTTP leaves free, its header is sent at all, and no other is sent under it."""
    rules, sources = header_rules_of(item), {name.lower() for _, name in renamed}
    kept = [name for name in ours if name.lower() not in sources]
    taken = {fold(sent.encode("ascii")): name for name in kept if (sent := name_for(rules, name)) is not None}
    for place, source in renamed:
        if not report.is_sound(*place):
            continue
        name = rules.rename[source.lower()]
        first = taken.setdefault(fold(name.encode("ascii")), source)
        if (problem := name_problem(name)) is not None:
            report.add(place, f"`{name}` {problem}")
        elif name_for(rules, source) is None:
            report.add(place, _say_not_sent(source, rules, item))
        elif first != source:
            report.add(place, f"`{name}` is the name of {first} here: rename or drop that one too")


def _say_not_sent(source: str, rules: HeaderRules, item: ContentSettings) -> str:
    if source.lower() in rules.drop:
        return "this header is dropped, so it cannot have another name"
    default = "" if item.headers and item.headers.preset else f" (the default of {item.app_mode})"
    return f"the preset {rules.preset}{default} does not send this header: name another `preset`"
