"""Who may what at the Server API: one table, which guards, tests and documentation (docs/server-api.md) read.

The roles are those of Posit Connect's API, with one of ours: a content, which may do what concerns itself and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from proxy.model import ApiKey, Content, ContentGuid, Identity, Role
from proxy.policy.access import admits, plain_email


class Verb(StrEnum):
    """What one asks for."""

    PING = "ping"
    OPENAPI = "openapi"
    SERVER_SETTINGS = "server_settings"
    EXCHANGE = "exchange"
    READ_USER_SELF = "read_user_self"
    READ_USER = "read_user"
    LIST_USERS = "list_users"
    LIST_CONTENT = "list_content"
    READ_CONTENT = "read_content"
    LIST_INTEGRATIONS = "list_integrations"
    CREATE_INTEGRATION = "create_integration"
    READ_INTEGRATION = "read_integration"
    CHANGE_INTEGRATION = "change_integration"
    DELETE_INTEGRATION = "delete_integration"
    LIST_INTEGRATION_ASSOCIATIONS = "list_integration_associations"
    VERIFY_INTEGRATION = "verify_integration"
    LIST_TEMPLATES = "list_templates"
    READ_TEMPLATE = "read_template"
    LIST_CONTENT_ASSOCIATIONS = "list_content_associations"
    SET_CONTENT_ASSOCIATIONS = "set_content_associations"
    LIST_OAUTH_SESSIONS = "list_oauth_sessions"
    LIST_ALL_OAUTH_SESSIONS = "list_all_oauth_sessions"
    READ_OAUTH_SESSION = "read_oauth_session"
    DELETE_OAUTH_SESSION = "delete_oauth_session"
    READ_AUDIT_LOG = "read_audit_log"
    LIST_API_KEYS = "list_api_keys"
    CREATE_API_KEY = "create_api_key"
    REVOKE_API_KEY = "revoke_api_key"


class Grant(StrEnum):
    """What becomes of it."""

    YES = "yes"
    OWN = "own"
    """Of a list, what is theirs; of one thing, if it is theirs: ``Row.own`` says what that is."""
    NO = "no"
    """403."""
    KEY = "key needed"
    """401."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One verb: what each kind of caller gets."""

    anonymous: Grant = Grant.KEY
    content: Grant = Grant.NO
    """A content's key; about another content than its own where ``own`` speaks of contents."""
    viewer: Grant = Grant.NO
    """Whoever is at a content, by a key that the exchange gave it."""
    publisher: Grant
    """A publisher, about a content of somebody else's or about none."""
    owner: Grant
    """A publisher, about a content of their own."""
    administrator: Grant = Grant.YES
    own: str = ""
    """What ``own`` means here."""
    code: int = 22
    """Connect's code of a refusal: 22 PermissionDenied, 19 NoViewPermission."""
    is_local: bool = False
    """Answered on ``api.listen`` only, whatever ``api.public`` says."""


def _administrators(*, publisher: Grant = Grant.NO, viewer: Grant = Grant.NO, own: str = "") -> Row:
    return Row(viewer=viewer, publisher=publisher, owner=publisher, own=own)


_THEMSELVES = "who they are"
_SESSIONS = "sessions of the person that the key names"
_INTEGRATIONS = "integrations that they may use: those without `permissions`, or with one that names them"

TABLE: dict[Verb, Row] = {
    Verb.PING: Row(anonymous=Grant.YES, content=Grant.YES, viewer=Grant.YES, publisher=Grant.YES, owner=Grant.YES),
    Verb.OPENAPI: Row(anonymous=Grant.YES, content=Grant.YES, viewer=Grant.YES, publisher=Grant.YES, owner=Grant.YES),
    Verb.SERVER_SETTINGS: Row(content=Grant.YES, viewer=Grant.YES, publisher=Grant.YES, owner=Grant.YES),
    Verb.EXCHANGE: Row(
        content=Grant.OWN, publisher=Grant.NO, owner=Grant.NO, administrator=Grant.NO, is_local=True,
        own="session tokens that were made for this content",
    ),
    Verb.READ_USER_SELF: Row(
        content=Grant.OWN, viewer=Grant.OWN, publisher=Grant.OWN, owner=Grant.OWN, administrator=Grant.OWN, own=_THEMSELVES
    ),
    Verb.READ_USER: _administrators(publisher=Grant.YES),
    Verb.LIST_USERS: _administrators(publisher=Grant.YES),
    Verb.LIST_CONTENT: Row(
        content=Grant.OWN, viewer=Grant.OWN, publisher=Grant.OWN, owner=Grant.OWN,
        own="a content itself; people what they own or may open: `access` is anyone, signed_in, or names their address",
    ),
    Verb.READ_CONTENT: Row(
        content=Grant.OWN, viewer=Grant.OWN, publisher=Grant.OWN, owner=Grant.YES, code=19, own="as for `list_content`"
    ),
    Verb.LIST_INTEGRATIONS: _administrators(publisher=Grant.OWN, own=_INTEGRATIONS),
    Verb.CREATE_INTEGRATION: _administrators(),
    Verb.READ_INTEGRATION: _administrators(publisher=Grant.OWN, own=_INTEGRATIONS),
    Verb.CHANGE_INTEGRATION: _administrators(),
    Verb.DELETE_INTEGRATION: _administrators(),
    Verb.LIST_INTEGRATION_ASSOCIATIONS: _administrators(),
    Verb.VERIFY_INTEGRATION: _administrators(),
    Verb.LIST_TEMPLATES: _administrators(publisher=Grant.YES),
    Verb.READ_TEMPLATE: _administrators(publisher=Grant.YES),
    Verb.LIST_CONTENT_ASSOCIATIONS: Row(
        content=Grant.OWN, publisher=Grant.NO, owner=Grant.YES, own="the content that the key is of"
    ),
    Verb.SET_CONTENT_ASSOCIATIONS: Row(publisher=Grant.NO, owner=Grant.YES),
    Verb.LIST_OAUTH_SESSIONS: Row(
        viewer=Grant.OWN, publisher=Grant.OWN, owner=Grant.OWN, administrator=Grant.OWN, own=_SESSIONS
    ),
    Verb.LIST_ALL_OAUTH_SESSIONS: _administrators(),
    Verb.READ_OAUTH_SESSION: _administrators(viewer=Grant.OWN, publisher=Grant.OWN, own=_SESSIONS),
    Verb.DELETE_OAUTH_SESSION: _administrators(viewer=Grant.OWN, publisher=Grant.OWN, own=_SESSIONS),
    Verb.READ_AUDIT_LOG: _administrators(),
    Verb.LIST_API_KEYS: _administrators(),
    Verb.CREATE_API_KEY: _administrators(),
    Verb.REVOKE_API_KEY: _administrators(),
}  # fmt: skip
"""Whatever is not in it is nobody's."""

ABOUT_CONTENT = frozenset({Verb.READ_CONTENT, Verb.LIST_CONTENT_ASSOCIATIONS, Verb.SET_CONTENT_ASSOCIATIONS})
"""Verbs that name one content."""


def owns(caller: ApiKey, content: Content) -> bool:
    """Say whether the content is this publisher's."""
    return caller.user != "" and plain_email(content.owner) == caller.user


def may_open(caller: ApiKey, content: Content) -> bool:
    """Say whether the content would let in the person that a key stands for; nobody (``user`` empty) is on no list."""
    return admits(content.access, Identity(subject="", email=caller.user, email_verified=True))


def permitted(
    verb: Verb, caller: ApiKey | None, *, guid: ContentGuid | None = None, content: Content | None = None
) -> Grant:
    """Return what becomes of a request; ``guid``: of the content that it names, ``content``: that one, if there is one.

    ``OWN`` is left to whoever answers, except for a named content, where it is settled here.
    """
    row = TABLE[verb]
    if caller is None:
        return row.anonymous
    match caller.role:
        case Role.ADMINISTRATOR:
            return row.administrator
        case Role.CONTENT:
            return _settled(row.content, guid, is_theirs=guid is not None and guid == caller.content_guid)
        case Role.VIEWER:
            return _settled(row.viewer, guid, is_theirs=content is not None and may_open(caller, content))
        case Role.PUBLISHER:
            if content is None:  # none is named, or one that is not there: whoever may do it for theirs is told so
                return row.publisher if guid is None else row.owner
            if owns(caller, content):
                return row.owner
            return _settled(row.publisher, content.guid, is_theirs=may_open(caller, content))
        case _:
            assert_never(caller.role)


def _settled(grant: Grant, guid: ContentGuid | None, *, is_theirs: bool) -> Grant:
    if grant is not Grant.OWN or guid is None:
        return grant
    return Grant.YES if is_theirs else Grant.NO
