"""Which answers under way a batch of changes ends."""

import pytest

from proxy.model import (
    ChangesLost,
    ConsentEnded,
    ContentGuid,
    CredentialsChanged,
    DirectoryChanged,
    IntegrationGuid,
    SessionEnded,
    SessionHash,
    ViewerGuid,
)
from proxy.policy.endings import Endings

MINE, OTHERS = SessionHash(b"m" * 32), SessionHash(b"o" * 32)
ADA, BOB = ViewerGuid("ada"), ViewerGuid("bob")
SALES, STOCK = ContentGuid("sales"), ContentGuid("stock")

ROWS = {
    "her session": ([SessionEnded(OTHERS), SessionEnded(MINE)], ADA, True),
    "another's session": ([SessionEnded(OTHERS)], ADA, False),
    "what the content uses": ([DirectoryChanged(frozenset({SALES}))], ADA, False),
    "her consent here": ([ConsentEnded(ADA, SALES)], ADA, True),
    "her consent elsewhere": ([ConsentEnded(ADA, STOCK)], ADA, False),
    "another's consent": ([ConsentEnded(BOB, SALES)], ADA, False),
    "everybody's consent here": ([ConsentEnded(None, SALES)], ADA, True),
    "everybody's consent elsewhere": ([ConsentEnded(None, STOCK)], ADA, False),
    "somebody's consent here, and nobody knows whose answer": ([ConsentEnded(BOB, SALES)], None, True),
    "somebody's consent elsewhere, and nobody knows": ([ConsentEnded(BOB, STOCK)], None, False),
    "new tokens": ([CredentialsChanged(ADA, IntegrationGuid("warehouse"))], ADA, False),
    "changes lost": ([ChangesLost()], ADA, True),
    "nothing": ([], ADA, False),
}


@pytest.mark.parametrize(("changes", "viewer", "ends"), ROWS.values(), ids=ROWS.keys())
def test_an_answer_ends_with_what_it_rests_on(changes, viewer, ends):
    assert Endings.of(changes).concern(MINE, viewer, SALES) is ends


def test_no_connection_is_looked_at_for_new_tokens():
    assert Endings.of([CredentialsChanged(ADA, IntegrationGuid("warehouse"))]).are_none
    assert not Endings.of([ChangesLost()]).are_none
