"""Who says who the viewer is: one of two, and a proxy's headers only where nobody else can send them."""

from __future__ import annotations

from proxy.config.checks.draft import Draft
from proxy.config.checks.keys import check_strength
from proxy.config.schema import SignInSettings
from proxy.config.values import UnixListen
from proxy.policy.header_names import name_problem
from proxy.policy.headers import fold

_NAMES = ("header", "email_header", "groups_header", "secret_header")


def check_sign_in(draft: Draft) -> None:
    """An integration or a header; a header with a Unix socket or a secret; names that HTTP leaves free."""
    settings, report, here = draft.settings.sign_in, draft.report, "sign_in"
    if not isinstance(settings, SignInSettings) or not report.is_sound(here):
        return
    if (settings.integration is None) is (settings.header is None):
        report.add((here,), "name an `integration` or the `header` of a proxy, one of the two")
    elif settings.header is None:
        for name in (*_NAMES[1:], "secret"):
            if getattr(settings, name) is not None:
                report.add((here, name), "only goes with `header`")
    else:
        _check_header(settings, draft)


def _check_header(settings: SignInSettings, draft: Draft) -> None:
    report, here = draft.report, "sign_in"
    if settings.groups_claim:
        report.add((here, "groups_claim"), "only goes with `integration`; a proxy has `groups_header`")
    for name in _NAMES:
        written = getattr(settings, name)
        if written is not None and (problem := name_problem(written)) is not None:
            report.add((here, name), f"`{written}` {problem}")
    _check_secret(settings, draft)


def _check_secret(settings: SignInSettings, draft: Draft) -> None:
    report, here, named = draft.report, "sign_in", settings.secret_header
    if (settings.secret is None) is not (named is None):
        report.add((here,), "`secret` and `secret_header` go together")
    elif settings.secret is not None and named is not None:
        check_strength((here, "secret"), settings.secret, report, what="the secret")
        others = [name for name in (settings.header, settings.email_header, settings.groups_header) if name]
        if fold(named.encode()) in {fold(name.encode()) for name in others}:
            report.add((here, "secret_header"), "the secret needs a header of its own")
    elif draft.is_given("listen") and not isinstance(draft.settings.listen, UnixListen):
        report.add(
            (here, "header"),
            "anybody who reaches `listen` could be anybody: listen on a Unix socket, or let the proxy send a `secret`",
        )
