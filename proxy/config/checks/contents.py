"""Contents fit each other, their integrations, and what can be known about viewers."""

from __future__ import annotations

from urllib.parse import urlsplit

from proxy.config.checks.draft import Draft, refuse_repeats
from proxy.config.checks.integrations import is_service_account, unknown
from proxy.config.problems import Path, did_you_mean
from proxy.config.schema import APP_MODES, AccessSettings, ContentSettings
from proxy.model import RENDERED_APP_MODES
from proxy.policy.cookies import is_loopback_host


def check_contents(draft: Draft) -> None:
    """Names, guids and places unique; owners apart; kinds, associations and access rules that make sense together."""
    report = draft.report
    names = draft.given(draft.contents, "name", lambda item: item.name)
    refuse_repeats(names, report, "the content in {} has this name too")
    guids = draft.given(draft.contents, "guid", lambda item: item.guid)
    refuse_repeats([(path, guid) for path, guid in guids if guid], report, "the content in {} has this guid too")
    paths = draft.given(draft.contents, "path", lambda item: item.path)
    refuse_repeats([(path, where) for path, where in paths if where], report, "the content in {} is at this path too")
    hosts = draft.given(draft.contents, "host", lambda item: item.host)
    refuse_repeats([(path, host) for path, host in hosts if host], report, "the content in {} is at this host too")
    for path, item in draft.contents:
        _check_place(path, item, draft)
        _check_app_mode(path, item, draft)
        _check_integrations(path, item, draft)
        _check_access(path, item, draft)
        _check_visitor_keys(path, item, draft)
    _check_owners(draft)


def _check_place(path: Path, item: ContentSettings, draft: Draft) -> None:
    """One place for viewers to find it; a host is not ``public_url``'s, and plain http stays on loopback."""
    report, here = draft.report, (*path, "host")
    if not draft.is_given(*path):
        return
    has_path = item.path is not None or not draft.is_given(*path, "path")
    has_host = item.host is not None or not draft.is_given(*here)
    if has_path and has_host:
        report.add(here, "`path` is on `public_url` and `host` an origin of its own: give one of them")
    elif not has_path and not has_host:
        report.add(path, "give `path` (on `public_url`) or `host` (an origin of its own)")
    if item.host is None or not draft.is_given("public_url"):
        return
    public = urlsplit(draft.settings.public_url)
    if item.host == public.hostname:
        report.add(here, "this is the host of `public_url`: content there has a `path`")
    elif public.scheme == "http" and not is_loopback_host(item.host):
        report.add(here, "`public_url` is plain http, which is for loopback only: use a name such as sales.localhost")


def _check_app_mode(path: Path, item: ContentSettings, draft: Draft) -> None:
    if item.app_mode not in APP_MODES:
        hint = did_you_mean(item.app_mode, APP_MODES) or f"; there are: {', '.join(APP_MODES)}"
        draft.report.add((*path, "app_mode"), f"unknown kind of content{hint}")


def _check_integrations(path: Path, item: ContentSettings, draft: Draft) -> None:
    report, here = draft.report, (*path, "integrations")
    placed: list[tuple[Path, str]] = [
        ((*here, position), used) if isinstance(used, str) else ((*here, position, "name"), used.name)
        for position, used in enumerate(item.integrations)
    ]
    given = [(place, name) for place, name in placed if draft.is_given(*place)]
    for place, name in given:
        if name not in draft.integration_names:
            report.add(place, f"no integration has this name{unknown(name, draft.integration_names)}")
    refuse_repeats(given, report, "this integration stands here already, in {}")
    if item.integrations and item.app_mode in RENDERED_APP_MODES:
        report.add(here, f"`{item.app_mode}` content has no process that could use a token: only interactive kinds may")
    for position, used in enumerate(item.associations):
        if used.optional and _is_service_account(used.name, draft):
            report.add((*here, position, "optional"), "a service account is asked of nobody: leave `optional` out")
    if item.access == "anyone" and any(not _is_service_account(used.name, draft) for used in item.associations):
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
    elif not draft.is_given(*path, "integrations") or _may_be_associated_later(item, draft):
        return
    elif all(_is_service_account(used.name, draft) for used in item.associations):
        report.add(
            here, "without `sign_in` or integrations viewers have no way to sign in: set one, or `access: anyone`"
        )
    elif _all_are_optional(item, draft) and report.is_sound(*path, "integrations"):
        report.add(
            (*path, "integrations"),
            "without `sign_in` viewers sign in by what they consent to: one integration must not be optional",
        )


def _check_visitor_keys(path: Path, item: ContentSettings, draft: Draft) -> None:
    if item.visitor_api_keys and draft.settings.sign_in is None and draft.report.is_sound("sign_in"):
        draft.report.add(
            (*path, "visitor_api_keys"),
            "without `sign_in` no viewer has a verified identity that a key could stand for",
        )


def _may_be_associated_later(item: ContentSettings, draft: Draft) -> bool:
    """Whether the Server API may still say what viewers sign in with."""
    return "integrations" not in item.model_fields_set and draft.settings.api.listen is not None


def _all_are_optional(item: ContentSettings, draft: Draft) -> bool:
    return all(used.optional for used in item.associations if not _is_service_account(used.name, draft))


def _is_service_account(name: str, draft: Draft) -> bool:
    found = draft.integration(name)
    return found is not None and is_service_account(found[1])


def _check_owners(draft: Draft) -> None:
    report = draft.report
    if draft.settings.unsafe_shared_origin or not draft.is_given("unsafe_shared_origin"):
        return
    sharing = [(path, item) for path, item in draft.contents if item.host is None and draft.is_given(*path, "host")]
    owners = draft.given(sharing, "owner", lambda item: item.owner.lower())
    for path, owner in owners[1:]:
        first_path, first = owners[0]
        if owner != first:
            line = report.line_of(first_path[:-1])
            report.add(
                path,
                f"another owner than the content in line {line}: script of one could act as the viewer at the other. Give "
                "each a `host` of its own, or set `unsafe_shared_origin: true`",
            )
