"""What the lines of the audit log mean: one table, which the Server API, documentation (docs/audit.md) and tests read."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.model import AuditAction


@dataclass(frozen=True, slots=True)
class Words:
    """Of one action."""

    says: str
    """As the API's ``event_description`` begins."""
    when: str
    """When there is a line, and what stands in it beside who and whose; for the documentation."""


_A = AuditAction

WORDS: dict[AuditAction, Words] = {
    _A.SIGN_IN: Words(
        "signed in",
        "A viewer session begins. In front of which content, through which integration, as which account there; or `because` "
        "the proxy in front vouched for them.",
    ),
    _A.SIGN_OUT: Words(
        "signed out",
        "A session ends: by its viewer (`sessions` of all, when everywhere), by the provider, by age, or because somebody signed "
        "in anew in its browser (`because`).",
    ),
    _A.CONSENT: Words(
        "let the content have tokens",
        "A viewer consents: content, integration, granted scope, end of the first token, account there.",
    ),
    _A.REFRESH: Words("tokens renewed", "The sidecar has new tokens for a viewer: integration, scope, end."),
    _A.GRANT_ENDED: Words(
        "grant over", "The provider says that a grant is dead, or that it wants to see the viewer (`because`)."
    ),
    _A.REVOCATION: Words(
        "access taken back",
        "A session or credentials are ended on purpose, one line for each viewer: by the command line, a key, or the viewer "
        "who signed out everywhere; or an integration has been gone for a day (`because`).",
    ),
    _A.HAND_OUT_HEADER: Words(
        "tokens handed out in headers",
        "The first request with a token: integration, scope, end, request id. Those that follow are counted: one line a "
        "minute, viewer and content (`counted`, `count`; with several, all `integrations`).",
    ),
    _A.HAND_OUT_WEBSOCKET: Words(
        "tokens handed out in a WebSocket's handshake",
        "Each handshake, one line for each token. It is among the requests of `hand_out_header`, too. Many in a minute: see below.",
    ),
    _A.HAND_OUT_EXCHANGE: Words(
        "token handed out by the exchange",
        "Each exchange: the content's key, viewer, integration, scope, end, request id; `kind` says when it gave a visitor's key. "
        "Many in a minute: see below.",
    ),
    _A.EXCHANGE_REFUSED: Words(
        "exchange refused",
        "Connect's `code` and `error`, and what was known by then. Bounded: see below.",
    ),
    _A.INTEGRATION_CREATED: Words("integration created", "Through the API."),
    _A.INTEGRATION_CHANGED: Words(
        "integration changed", "Through the API: which settings, never a secret one's value."
    ),
    _A.INTEGRATION_DELETED: Words("integration deleted", "Through the API."),
    _A.INTEGRATION_VERIFIED: Words("integration verified", "A dry run of a service account, and what came of it."),
    _A.ASSOCIATIONS_CHANGED: Words(
        "a content's integrations changed", "Which integrations a content has now, and by whom."
    ),
    _A.API_KEY_CREATED: Words("API key created", "Its name and role; never the key, nor its hash."),
    _A.API_KEY_REVOKED: Words("API key revoked", "Its name."),
    _A.ACCESS_REFUSED: Words(
        "refused",
        "A key asked for what it may not (`verb`), or nobody has it, or a browser, a proxy or a program that uses a foreign host "
        "name asked where only programs on this machine may, or a viewer opened a content that is not for them (`because`). "
        "Bounded: see below.",
    ),
    _A.CONFIGURATION_LOADED: Words("configuration loaded", "The process starts: how much is configured."),
    _A.CONFIGURATION_CHANGED: Words(
        "configuration changed",
        "The process starts with another file than the last time: `what` was added, changed or removed, and which `settings`; "
        "never a value.",
    ),
    _A.LINES_LOST: Words(
        "lines of this log lost", "The store could not be written for so long that `count` lines were given up."
    ),
}
