"""The table of what the exchange refuses."""

from http import HTTPStatus

import pytest

from proxy.policy.exchange_refusals import (
    ACCESS_TOKEN,
    AWS_CREDENTIALS,
    ID_TOKEN,
    VISITOR_API_KEY,
    NoToken,
    not_requestable,
)
from tests.unit.policy.refusals_page import PAGE, page

REQUESTED = {
    "nothing": (None, None, None),
    "an empty word": ("", None, None),
    "an access token": (ACCESS_TOKEN, None, None),
    "a visitor's key": (VISITOR_API_KEY, None, NoToken.VISITOR_API_KEY_WITHOUT_VISITOR),
    "cloud credentials": (AWS_CREDENTIALS, NoToken.AWS_CREDENTIALS, NoToken.AWS_CREDENTIALS),
    "an ID token": (ID_TOKEN, NoToken.ID_TOKEN, NoToken.ID_TOKEN),
    "in capitals": (ACCESS_TOKEN.upper(), NoToken.REQUESTED_TOKEN_TYPE, NoToken.REQUESTED_TOKEN_TYPE),
    "a refresh token": (
        "urn:ietf:params:oauth:token-type:refresh_token", NoToken.REQUESTED_TOKEN_TYPE, NoToken.REQUESTED_TOKEN_TYPE,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("requested", "for_viewer", "for_content"), REQUESTED.values(), ids=REQUESTED.keys())
def test_two_kinds_are_given_and_each_other_kind_has_its_no(requested, for_viewer, for_content):
    assert not_requestable(requested, is_viewers=True) is for_viewer
    assert not_requestable(requested, is_viewers=False) is for_content


def test_a_code_has_one_name():
    names = {(why.value.code, why.value.name) for why in NoToken}
    assert len(names) == len({code for code, _ in names})


@pytest.mark.parametrize("why", NoToken, ids=lambda why: why.name)
def test_every_row_can_be_read_by_connects_clients_and_by_people(why):
    says = why.value
    assert HTTPStatus(says.status) in {
        HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE,
    }  # fmt: skip
    assert says.text
    assert says.when
    assert says.passes == (says.status in {429, 503})


def test_the_page_shows_the_table():
    written = PAGE.read_text()
    assert page(written) == written, "run `python -m tests.unit.policy.refusals_page`"
    assert written.count("\n| 215 |") == 1
