"""Integrations fit their templates, and each other."""

from __future__ import annotations

from proxy.config import texts
from proxy.config.checks.draft import Draft, refuse_repeats, slug_of
from proxy.config.problems import Path, Report, did_you_mean, show_key
from proxy.config.references import say_not_a_value
from proxy.config.schema import IntegrationSettings, SignInSettings, say_not_supported
from proxy.policy.slugs import RESERVED_SLUGS
from proxy.providers import PROVIDERS
from proxy.providers.base import Field, Provider
from proxy.providers.fields import problems
from proxy.providers.registration import can_identify
from proxy.providers.service_accounts import service_account_problems
from proxy.providers.whole_config import is_service_account as is_of_service_account
from proxy.providers.whole_config import key_problems, secret_problem


def check_integrations(draft: Draft) -> None:
    """Names, slugs and guids unique; each `config` as its template wants it; `sign_in` able to identify viewers."""
    report = draft.report
    names = draft.given(draft.integrations, "name", lambda item: item.name)
    refuse_repeats(names, report, "the integration in {} has this name too")
    slugs = [
        ((*path, "slug"), slug_of(item))
        for path, item in draft.integrations
        if draft.is_given(*path, "slug") and (item.slug or report.is_sound(*path, "name"))
    ]
    for place, slug in slugs:
        _check_slug(place, slug, report)
    refuse_repeats(slugs, report, "the integration in {} has this slug too: give one of them another `slug`")
    guids = draft.given(draft.integrations, "guid", lambda item: item.guid)
    refuse_repeats([(path, guid) for path, guid in guids if guid], report, "the integration in {} has this guid too")
    for path, item in draft.integrations:
        if draft.is_given(*path, "template"):
            _check_config(path, item, draft)
            _check_pin(path, item, draft)
    _check_sign_in(draft)


def unknown(name: str, known: frozenset[str]) -> str:
    """Say that nothing has this name, with a suggestion."""
    hint = did_you_mean(name, sorted(known))
    return hint or (f"; there are: {', '.join(sorted(known))}" if known else "; none is defined")


def _check_slug(path: Path, slug: str, report: Report) -> None:
    if slug in RESERVED_SLUGS:
        report.add(path, f"the slug `{slug}` is reserved (X-Forwarded-Access-Token-Expires): give another `slug`")


def _check_config(path: Path, item: IntegrationSettings, draft: Draft) -> None:
    """What can be said better with the file at hand is said here; the rest is the recipe's own judgement."""
    report = draft.report
    provider = PROVIDERS.get(item.template)
    if provider is None:
        report.add((*path, "template"), f"unknown template{unknown(item.template, frozenset(PROVIDERS))}")
        return
    fields = {field.name: field for field in provider.fields}
    for name, value in item.config.items():
        here = (*path, "config", name)
        if name in fields:
            _check_value(here, fields[name], value, report)
        else:
            report.add(
                here, say_not_supported("integrations", "config", name) or _say_unknown(name, provider), at_key=True
            )
    plain = {name: value for name, value in item.config.items() if name not in fields or not fields[name].secret}
    secrets = {
        field.name
        for field in provider.fields
        if field.secret and (field.name in item.config or not draft.is_given(*path, "config", field.name))
    }
    _check_key(path, item, report)
    found = problems(provider, plain, secrets=secrets)
    if is_service_account(item) and not found and report.is_sound(*path, "config"):
        found = service_account_problems(provider, plain, secrets=secrets)
    for problem in found:
        here = (*path, "config", problem.field)
        if report.is_sound(*here):
            report.add(here, problem.text)


def is_service_account(item: IntegrationSettings) -> bool:
    """Say whether an integration's tokens are the client's own."""
    return is_of_service_account(item.config)


def _say_unknown(name: str, provider: Provider) -> str:
    hint = did_you_mean(name, [field.name for field in provider.fields]) if show_key(name) == name else ""
    return f"the template `{provider.key}` has no such setting{hint}"


def _check_value(path: Path, field: Field, value: str, report: Report) -> None:
    if field.secret and (problem := secret_problem(field.name, value) or say_not_a_value(value)):
        report.add(path, problem)
    elif field.kind == "url" and value:
        try:
            texts.endpoint(value)
        except ValueError as exc:
            report.add(path, str(exc))


def _check_key(path: Path, item: IntegrationSettings, report: Report) -> None:
    if report.is_sound(*path, "config", "private_key"):
        for problem in key_problems(item.config):
            report.add((*path, "config", problem.field), problem.text)


def _check_sign_in(draft: Draft) -> None:
    name, report = draft.settings.sign_in_name, draft.report
    if name is None:
        return
    where = ("sign_in", "integration") if isinstance(draft.settings.sign_in, SignInSettings) else ("sign_in",)
    if name not in draft.integration_names:
        report.add(where, f"no integration has this name{unknown(name, draft.integration_names)}")
        return
    found = draft.integration(name)
    if found is None:
        return
    path, item = found
    if is_service_account(item):
        report.add(where, f"`{name}` is a service account: nobody signs in with it")
        return
    provider = PROVIDERS.get(item.template) if draft.is_given(*path, "template") else None
    if provider is None or not draft.is_given(*path, "config", "userinfo_uri"):
        return
    if not _can_identify(provider, item):
        report.add(
            where,
            f"`{name}` cannot say who the viewer is: it has no userinfo endpoint, and no ID tokens that can be verified (the "
            "scope openid, `issuer`, `jwks_uri`, and where many tenants come, `tenants`)",
        )


def _check_pin(path: Path, item: IntegrationSettings, draft: Draft) -> None:
    provider = PROVIDERS.get(item.template)
    is_judged = item.pin_identity and provider is not None and draft.is_given(*path, "config", "userinfo_uri")
    if is_judged and provider is not None and not _can_identify(provider, item):
        draft.report.add(
            (*path, "pin_identity"),
            "nothing says whose account it is: it has no userinfo endpoint, and no ID tokens that can be verified",
        )


def _can_identify(provider: Provider, item: IntegrationSettings) -> bool:
    try:
        return can_identify(provider, item.config)
    except ValueError:  # a field is faulty, which is said where it stands
        return True
