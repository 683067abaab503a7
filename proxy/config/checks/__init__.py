"""Checks that look across settings: each reports what does not fit, none stops the others."""

from __future__ import annotations

from proxy.config.checks.contents import check_contents
from proxy.config.checks.draft import Draft
from proxy.config.checks.headers import check_headers
from proxy.config.checks.integrations import check_integrations
from proxy.config.checks.keys import check_keys, check_roles
from proxy.config.checks.network import check_network, check_outbound
from proxy.config.checks.sessions import check_sessions
from proxy.config.checks.sign_in import check_sign_in
from proxy.config.checks.token_files import check_token_files


def check(draft: Draft) -> None:
    """Run every check."""
    check_integrations(draft)
    check_contents(draft)
    check_headers(draft)
    check_sign_in(draft)
    check_network(draft)
    check_outbound(draft)
    check_keys(draft)
    check_roles(draft)
    check_sessions(draft)
    check_token_files(draft)
