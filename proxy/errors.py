"""The error family: flat, cut by what the caller can do about it.

Every error has an HTTP ``status``, a stable ``code`` for machines and a ``public`` text for people. The exception's own
message is detail for the log; it is never shown.
"""

from __future__ import annotations

from typing import ClassVar


class SidecarError(Exception):
    """Root of the family; never raised itself."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    public: ClassVar[str] = "Something went wrong here."

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.public)
        self.detail = detail


class BadRequest(SidecarError):
    """The request cannot be understood; sending it again changes nothing."""

    status = 400
    code = "bad_request"
    public = "This request could not be understood."


class NotAllowed(SidecarError):
    """The request is understood and refused."""

    status = 403
    code = "not_allowed"
    public = "This is not allowed."


class NotFound(SidecarError):
    """Nothing has that name."""

    status = 404
    code = "not_found"
    public = "There is nothing here."


class Conflict(SidecarError):
    """The present state forbids it; another state would not."""

    status = 409
    code = "conflict"
    public = "This contradicts what is already there."


class ConfigError(SidecarError):
    """The configuration cannot be used; an administrator must change it."""

    status = 500
    code = "configuration"
    public = "The configuration cannot be used."


class AuthorizationServerUnavailable(SidecarError):
    """The authorization server did not answer in time, or not in a way that can be used."""

    status = 503
    code = "authorization_server_unavailable"
    public = "The sign-in service does not answer."


class StoreUnavailable(SidecarError):
    """The store is locked, read-only, full or damaged: nothing was changed, nobody was signed out."""

    status = 503
    code = "store_unavailable"
    public = "The sidecar cannot reach its own records. Nothing was lost."
