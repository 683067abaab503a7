"""Contents fit each other, their integrations, and what can be known about viewers."""

from __future__ import annotations

from proxy.config.checks.draft import Draft, refuse_repeats
from proxy.config.checks.integrations import unknown
from proxy.config.problems import Path, did_you_mean
from proxy.config.schema import APP_MODES, AccessSettings, ContentSettings
from proxy.model import RENDERED_APP_MODES


def check_contents(draft: Draft) -> None:
    """Names, guids and paths unique; owners apart; kinds, associations and access rules that make sense together."""
    report = draft.report
    names = draft.given(draft.contents, "name", lambda item: item.name)
    refuse_repeats(names, report, "the content in {} has this name too")
    guids = draft.given(draft.contents, "guid", lambda item: item.guid)
    refuse_repeats([(path, guid) for path, guid in guids if guid], report, "the content in {} has this guid too")
    paths = draft.given(draft.contents, "path", lambda item: item.path)
    refuse_repeats(paths, report, "the content in {} is at this path too")
    for path, item in draft.contents:
        _check_app_mode(path, item, draft)
        _check_integrations(path, item, draft)
        _check_access(path, item, draft)
    _check_owners(draft)


def _check_app_mode(path: Path, item: ContentSettings, draft: Draft) -> None:
    if item.app_mode not in APP_MODES:
        hint = did_you_mean(item.app_mode, APP_MODES) or f"; there are: {', '.join(APP_MODES)}"
        draft.report.add((*path, "app_mode"), f"unknown kind of content{hint}")


def _check_integrations(path: Path, item: ContentSettings, draft: Draft) -> None:
    report, here = draft.report, (*path, "integrations")
    placed = [((*here, position), name) for position, name in enumerate(item.integrations)]
    given = [(place, name) for place, name in placed if draft.is_given(*place)]
    for place, name in given:
        if name not in draft.integration_names:
            report.add(place, f"no integration has this name{unknown(name, draft.integration_names)}")
    refuse_repeats(given, report, "this integration stands here already, in {}")
    if item.integrations and item.app_mode in RENDERED_APP_MODES:
        report.add(here, f"`{item.app_mode}` content has no process that could use a token: only interactive kinds may")
    if item.integrations and item.access == "anyone":
        report.add(here, "content that is open to anyone has no viewer who could consent: use `access: signed_in`")


def _check_access(path: Path, item: ContentSettings, draft: Draft) -> None:
    """A rule that nobody can fulfil, or nobody can judge, is a mistake; it must not fall open or shut unnoticed."""
    report, here, rule = draft.report, (*path, "access"), item.access
    if not draft.is_given(*here):
        return
    lists_nobody = isinstance(rule, AccessSettings) and not (rule.emails or rule.domains or rule.groups)
    if lists_nobody and report.is_sound(*here):
        report.add(here, "the rule lets nobody in: name emails, domains or groups, or use `signed_in`")
    elif draft.settings.sign_in is not None or rule == "anyone" or not report.is_sound("sign_in"):
        return
    elif isinstance(rule, AccessSettings):
        report.add(here, "without `sign_in` no viewer has a verified identity, so this rule cannot be evaluated")
    elif not item.integrations and draft.is_given(*path, "integrations"):
        report.add(
            here, "without `sign_in` or integrations viewers have no way to sign in: set one, or `access: anyone`"
        )


def _check_owners(draft: Draft) -> None:
    report = draft.report
    if draft.settings.unsafe_shared_origin or not draft.is_given("unsafe_shared_origin"):
        return
    owners = draft.given(draft.contents, "owner", lambda item: item.owner.lower())
    for path, owner in owners[1:]:
        first_path, first = owners[0]
        if owner != first:
            line = report.line_of(first_path[:-1])
            report.add(
                path,
                f"another owner than the content in line {line}: script of one could act as the viewer at the other. Run "
                "a sidecar for each owner, or set `unsafe_shared_origin: true`",
            )
