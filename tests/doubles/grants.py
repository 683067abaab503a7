"""The memory of an authorization server double: people, clients, codes, families of refresh tokens, access tokens.

No sockets and no clock: ``now`` is an argument. Every secret starts with a marker, so that a search can find it
wherever it leaked to.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

REFRESH_MARKER = "RT-seed-refresh-"
ACCESS_MARKER = "AT-seed-access-"
CODE_MARKER = "CODE-seed-once-"
CLIENT_SECRET_MARKER = "CS-seed-client-"
ODD_CHARACTERS = "+/=-_.~"
"""Legal in tokens; each has broken somebody's encoding."""


def new_secret(marker: str, odd: str = ODD_CHARACTERS) -> str:
    return f"{marker}{secrets.token_urlsafe(24)}{odd}"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person in the directory of the authorization server."""

    id: str
    name: str
    email: str
    groups: tuple[str, ...] = ()
    preferred_username: str = ""
    """Empty: the id."""

    def claims(self) -> dict[str, object]:
        claims: dict[str, object] = {
            "sub": self.id,
            "name": self.name,
            "email": self.email,
            "email_verified": True,
            "preferred_username": self.preferred_username or self.id,
        }
        return claims | ({"groups": list(self.groups)} if self.groups else {})


ADA = User(id="ada", name="Ada Lovelace", email="ada@example.org", groups=("analysts",))
BOB = User(id="bob", name="Bob Bärkeley", email="bob@example.org")
EVE = User(id="eve", name="Eve Ẽ", email="eve@example.org")


@dataclass(slots=True, kw_only=True)
class RegisteredClient:
    """A client registration; ``secrets`` is empty for a public client."""

    client_id: str
    secrets: list[str]
    """Any of them will do: a secret is changed by adding one first."""
    redirect_uris: set[str]
    certificates: list[str] = field(default_factory=list)
    """PEM, of the keys that sign its assertions (RFC 7523)."""

    @property
    def is_public(self) -> bool:
        return not self.secrets and not self.certificates


@dataclass(slots=True, kw_only=True)
class Code:
    """An authorization code and what it remembers of its request."""

    value: str
    client_id: str
    redirect_uri: str
    scope: str
    challenge: str | None
    nonce: str
    user_id: str
    expires_at: float
    asked: Mapping[str, str] = field(default_factory=dict)
    """The whole authorization request."""
    family: Family | None = None
    """What its first use created."""


@dataclass(slots=True, kw_only=True)
class Family:
    """All that one consent brought forth."""

    user_id: str
    client_id: str
    scope: str
    nonce: str = ""
    """As the authorization request had it: it stands in the first ID token only."""
    asked: Mapping[str, str] = field(default_factory=dict)
    began_at: float = 0.0
    refresh_expires_at: float | None = None
    """``None``: its refresh tokens have no end."""
    refresh_tokens: list[str] = field(default_factory=list)
    """Every one ever issued, the newest last."""
    rotated_at: float = 0.0
    revoked: bool = False


@dataclass(slots=True, kw_only=True)
class AccessToken:
    """One access token; live while neither it nor its family is revoked and it has not expired."""

    value: str
    family: Family
    expires_at: float
    scope: str = ""
    revoked: bool = False


class GrantError(Exception):
    """The token endpoint says no; ``reason`` is a key of :data:`tests.doubles.profile.REFUSALS`, the profile has the words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Grants:
    """What was granted, and the rules by which it lives and dies."""

    def __init__(self) -> None:
        self.users = {user.id: user for user in (ADA, BOB, EVE)}
        self.clients: dict[str, RegisteredClient] = {}
        self.codes: dict[str, Code] = {}
        self.families: list[Family] = []
        self.access_tokens: dict[str, AccessToken] = {}
        self.counters: Counter[str] = Counter()
        self.rotation = "none"
        """``none``, ``echo``, ``multi``, ``single_reject``, ``single_family`` or ``single_grace:<s>``."""
        self.refresh_kills_access = False
        self.code_ttl_s = 60.0
        self.refresh_token_size = 0
        """Refresh tokens are padded to this many characters."""
        self.refresh_ttl_s: float | None = None
        """How long a refresh token lives; ``None``: it has no end."""
        self.refresh_slides = False
        """Whether each refresh starts that time anew."""
        self.family_ttl_s: float | None = None
        """When all ends, however often it was refreshed."""
        self.max_families: int | None = None
        """More living consents of one person to one client than this: the oldest ends without a word."""

    # — codes ——————————————————————————————————————————————————————————————————————————————————

    def new_code(
        self,
        *,
        client_id: str,
        redirect_uri: str,
        scope: str,
        challenge: str | None,
        user_id: str,
        now: float,
        nonce: str = "",
        asked: Mapping[str, str] | None = None,
    ) -> str:
        code = Code(
            value=new_secret(CODE_MARKER),
            client_id=client_id,
            redirect_uri=redirect_uri,
            scope=scope,
            challenge=challenge,
            nonce=nonce,
            user_id=user_id,
            expires_at=now + self.code_ttl_s,
            asked=asked or {},
        )
        self.codes[code.value] = code
        return code.value

    def redeem_code(self, value: str, *, client_id: str, redirect_uri: str, verifier: str | None, now: float) -> Family:
        code = self.codes.get(value)
        if code is None or code.client_id != client_id or code.redirect_uri != redirect_uri:
            raise GrantError("code_unknown")
        if code.family is not None:
            # RFC 6749 §4.1.2: a second use also ends what the first one brought.
            self.counters["code_replay"] += 1
            self.revoke_family(code.family)
            raise GrantError("code_used")
        if now > code.expires_at:
            raise GrantError("code_expired")
        if not is_verified(verifier, code.challenge):
            raise GrantError("wrong_verifier")
        code.family = Family(
            user_id=code.user_id,
            client_id=client_id,
            scope=code.scope,
            nonce=code.nonce,
            asked=code.asked,
            began_at=now,
            rotated_at=now,
        )
        self._renew(code.family, now)
        self.families.append(code.family)
        self._drop_oldest(code.family)
        self.counters["code_ok"] += 1
        return code.family

    def consents(self, family: Family) -> list[Family]:
        """The living ones of the same person to the same client, the oldest first."""
        same = (family.user_id, family.client_id)
        return [other for other in self.families if not other.revoked and (other.user_id, other.client_id) == same]

    def _drop_oldest(self, family: Family) -> None:
        living = self.consents(family)
        if self.max_families is not None and len(living) > self.max_families:
            living[0].revoked = True

    def _renew(self, family: Family, now: float) -> None:
        """Count the life of its refresh token from now on."""
        ends = [now + ttl for ttl in (self.refresh_ttl_s,) if ttl is not None]
        ends += [family.began_at + ttl for ttl in (self.family_ttl_s,) if ttl is not None]
        family.refresh_expires_at = min(ends, default=None)

    # — refresh ————————————————————————————————————————————————————————————————————————————————

    def family_of(self, refresh_token: str) -> Family | None:
        return next((family for family in self.families if refresh_token in family.refresh_tokens), None)

    def rotate(self, value: str, *, client_id: str, now: float) -> tuple[Family, str | None]:
        """Judge a refresh token: its family, and the refresh token to put in the answer (``None``: leave it out)."""
        family = self.family_of(value)
        if family is None or family.revoked or family.client_id != client_id:
            raise GrantError("dead")
        newest = value == family.refresh_tokens[-1]
        if not newest and not self._may_come_again(family, value, now):
            self.counters["refresh_replay"] += 1
            if self.rotation != "single_reject":
                self.revoke_family(family)
            raise GrantError("replayed")
        if family.refresh_expires_at is not None and now >= family.refresh_expires_at:
            raise GrantError("expired")
        if self.refresh_slides:
            self._renew(family, now)
        self.counters["refresh_ok"] += 1
        if self.refresh_kills_access:
            self.revoke_access_of(family)
        if self.rotation == "none":
            return family, None
        if self.rotation == "echo":
            return family, value
        family.rotated_at = now
        return family, self.new_refresh_token(family)

    def _may_come_again(self, family: Family, value: str, now: float) -> bool:
        mode, _, grace_s = self.rotation.partition(":")
        if mode in {"none", "echo", "multi"}:
            return True
        is_previous = family.refresh_tokens[-2:-1] == [value]
        return mode == "single_grace" and is_previous and now <= family.rotated_at + float(grace_s)

    def new_refresh_token(self, family: Family) -> str:
        family.refresh_tokens.append(new_secret(REFRESH_MARKER).ljust(self.refresh_token_size, "x"))
        return family.refresh_tokens[-1]

    def new_access_token(self, family: Family, *, ttl_s: float, now: float, size: int = 0, prefix: str = "") -> str:
        value = f"{prefix}{new_secret(ACCESS_MARKER)}".ljust(size, "x")
        self.access_tokens[value] = AccessToken(value=value, family=family, expires_at=now + ttl_s, scope=family.scope)
        return value

    # — who, and the end ———————————————————————————————————————————————————————————————————————

    def owner_of(self, access_token: str, *, now: float) -> User | None:
        """Whose token this is; ``None`` for one that is unknown, expired or revoked, and for a client's own."""
        family = self._live_family(access_token, now=now)
        return None if family is None else self.users.get(family.user_id)

    def client_of(self, access_token: str, *, now: float) -> str | None:
        """Which client this token is for, when it is the client's own and lives."""
        family = self._live_family(access_token, now=now)
        return family.client_id if family is not None and not family.user_id else None

    def own(self, client_id: str, scope: str) -> Family:
        """Grant the client something of its own (RFC 6749 §4.4): nobody's name is on it."""
        family = Family(user_id="", client_id=client_id, scope=scope)
        self.families.append(family)
        self.counters["client_credentials_ok"] += 1
        return family

    def _live_family(self, access_token: str, *, now: float) -> Family | None:
        token = self.access_tokens.get(access_token)
        if token is None or token.revoked or token.family.revoked or now >= token.expires_at:
            return None
        return token.family

    def revoke(self, token: str) -> None:
        """RFC 7009: a refresh token takes its family along, an access token ends alone."""
        if family := self.family_of(token):
            self.revoke_family(family)
        elif token in self.access_tokens:
            self.access_tokens[token].revoked = True

    def revoke_user(self, user_id: str) -> None:
        for family in self.families:
            if family.user_id == user_id:
                family.revoked = True

    def revoke_family(self, family: Family) -> None:
        family.revoked = True
        self.counters["family_revoked"] += 1

    def revoke_access_of(self, family: Family) -> None:
        for token in self.access_tokens.values():
            token.revoked |= token.family is family

    def secrets(self) -> Iterator[str]:
        """Every secret that was ever issued, registered ones included."""
        for client in self.clients.values():
            yield from client.secrets
        for family in self.families:
            yield from family.refresh_tokens
        yield from self.codes
        yield from self.access_tokens


def is_verified(verifier: str | None, challenge: str | None) -> bool:
    """RFC 7636 §4.6, S256 only; a verifier without a challenge does not pass either."""
    if challenge is None or verifier is None:
        return challenge is None and verifier is None
    if not 43 <= len(verifier) <= 128:
        return False
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == challenge
