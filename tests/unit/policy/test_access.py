"""Access rules against what an identity could try to be."""

from __future__ import annotations

import pytest

from proxy.model import Access, Anyone, Identity, Named, SignedIn
from proxy.policy.access import is_allowed

from .samples import viewer

NAMED = Named(
    emails=frozenset({"ada@example.org"}), domains=frozenset({"corp.example"}), groups=frozenset({"analysts"})
)


def ident(email: str = "", *, verified: bool = True, groups: tuple[str, ...] = ()) -> Identity:
    return Identity(subject="s", email=email, email_verified=verified, groups=groups)


ROWS: dict[str, tuple[Access, Identity | None, bool]] = {
    "anyone without identity": (Anyone(), None, True),
    "signed in without identity": (SignedIn(), None, True),
    "named without identity": (NAMED, None, False),
    "an empty rule lets nobody in": (Named(), ident("ada@example.org", groups=("analysts",)), False),
    "e-mail": (NAMED, ident("ada@example.org"), True),
    "e-mail in another case": (NAMED, ident("Ada@Example.ORG"), True),
    "e-mail not verified": (NAMED, ident("ada@example.org", verified=False), False),
    "another e-mail": (NAMED, ident("eve@example.org"), False),
    "e-mail with more in front": (NAMED, ident("xada@example.org"), False),
    "domain": (NAMED, ident("bob@corp.example"), True),
    "domain not verified": (NAMED, ident("bob@corp.example", verified=False), False),
    "domain in another case": (NAMED, ident("bob@CORP.example"), True),
    "two at signs": (NAMED, ident("a@evil@corp.example"), False),
    "domain as the beginning of another": (NAMED, ident("a@corp.example.evil"), False),
    "subdomain": (NAMED, ident("a@sub.corp.example"), False),
    "domain as the end of another": (NAMED, ident("a@evilcorp.example"), False),
    "quoted local part": (NAMED, ident('"a@corp.example"@evil.example'), False),
    "quoted local part without an at sign": (NAMED, ident('"a"@corp.example'), False),
    "blank": (NAMED, ident("a b@corp.example"), False),
    "control character": (NAMED, ident("a\n@corp.example"), False),
    "homoglyph": (NAMED, ident("a@c\u043erp.example"), False),
    "letter that lower-cases to ASCII": (
        Named(emails=frozenset({"kim@example.org"})), ident("\u212aim@example.org"), False,
    ),
    "no local part": (NAMED, ident("@corp.example"), False),
    "no domain": (Named(domains=frozenset({""})), ident("ada@"), False),
    "no at sign": (Named(domains=frozenset({""})), ident("ada"), False),
    "no e-mail": (NAMED, ident(), False),
    "group": (NAMED, ident(groups=("staff", "analysts")), True),
    "group in another case": (NAMED, ident(groups=("Analysts",)), False),
    "another group": (NAMED, ident(groups=("staff",)), False),
}  # fmt: skip


@pytest.mark.parametrize(("access", "identity", "expected"), ROWS.values(), ids=ROWS.keys())
def test_a_rule_lets_in_whom_it_names(access: Access, identity: Identity | None, expected: bool) -> None:
    assert is_allowed(access, viewer(identity)) is expected
