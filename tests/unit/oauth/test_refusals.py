import pytest

from proxy.oauth.refusals import Refusal
from proxy.oauth.token import TokenError

ANSWER = TokenError(
    status=400, error="invalid_grant", description="AADSTS50076: MFA.", error_codes=frozenset({50076}), claims="{}",
    subtype="invalid_rapt",
)  # fmt: skip


@pytest.mark.parametrize(
    ("sign", "fits"),
    [
        pytest.param({}, True, id="nothing asked"),
        pytest.param({"error": "invalid_grant"}, True, id="the error"),
        pytest.param({"error": "invalid"}, False, id="the error as a whole"),
        pytest.param({"description": "50076"}, True, id="the description"),
        pytest.param({"description": "^50076"}, False, id="another description"),
        pytest.param({"codes": frozenset({1, 50076})}, True, id="a code"),
        pytest.param({"codes": frozenset({1})}, False, id="another code"),
        pytest.param({"has_claims": True}, True, id="claims"),
        pytest.param({"subtype": "invalid_rapt|rapt_required"}, True, id="the subtype"),
        pytest.param({"subtype": "rapt"}, False, id="the subtype as a whole"),
        pytest.param({"error": "invalid_grant", "codes": frozenset({1})}, False, id="all of it"),
    ],
)
def test_a_sign_fits_when_all_of_it_is_there(sign: dict, fits: bool):
    assert Refusal(means="dead", **sign).fits(ANSWER) is fits


def test_claims_that_are_asked_for_have_to_be_there():
    assert not Refusal(means="interactive", has_claims=True).fits(TokenError(status=400, error="invalid_grant"))
