"""Which contents may use which integrations: a rule for the configuration, for the API, and for what was stored before."""

from __future__ import annotations

from proxy.model import RENDERED_APP_MODES, Anyone, Content, Integration


def association_problem(content: Content, integration: Integration) -> str:
    """Say why this content cannot use this integration, whoever says it should; empty: it can."""
    if content.app_mode in RENDERED_APP_MODES:
        return f"`{content.app_mode}` content has no process that could use a token: only interactive kinds may"
    if isinstance(content.access, Anyone) and not integration.is_service_account:
        return "content that is open to anyone has no viewer who could consent: use `access: signed_in`"
    return ""
