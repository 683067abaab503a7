"""The verdict table: one test per rule, named by it."""

import pytest

from proxy.oauth.message import LostAnswer, NotSent
from proxy.oauth.refusals import Refusal
from proxy.oauth.token import TokenError, TokenResponse, Unreadable
from proxy.policy.refresh_verdict import (
    RULES,
    Answer,
    Discard,
    Interactive,
    Operator,
    Retry,
    RetryOnce,
    RetryWithoutScope,
    Success,
    Verdict,
    made_no_sense,
    verdict,
)

DATABRICKS = (Refusal(means="dead", error="invalid_request", description=r"^Refresh token is (invalid|expired)"),)


def judge(answer: Answer, **before) -> Verdict:
    return verdict(answer, **{"refusals": (), **before})


def error(code: str, status: int = 400, **more) -> TokenError:
    return TokenError(status=status, error=code, **more)


def test_the_rules_stand_in_the_order_of_their_numbers():
    assert [rule.number for rule in RULES] == [1, 2, 3, 4, 5, 6, 7, 8, 13, 15, 16, 17, 18, 19, 20]


def test_rule_1_what_was_not_sent_is_tried_again():
    assert judge(NotSent("connect_failed")) == Retry("not_sent", None)


def test_rule_2_a_lost_answer_is_asked_for_once_more():
    assert judge(LostAnswer("timeout")) == RetryOnce()


def test_rule_2_a_dead_grant_after_a_lost_answer_is_a_lost_response():
    assert judge(error("invalid_grant"), after_lost_answer=True) == Discard("lost_response")


def test_rule_2_a_second_lost_answer_keeps_the_grant_for_later():
    assert judge(LostAnswer("timeout"), after_lost_answer=True) == Retry("lost_answer", None)


def test_rule_2_tokens_after_a_lost_answer_are_tokens():
    tokens = TokenResponse(access_token="at")
    assert judge(tokens, after_lost_answer=True) == Success(tokens)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 599])
@pytest.mark.parametrize("code", ["", "invalid_grant", "invalid_client"])
def test_rule_3_a_busy_server_is_tried_again_whatever_it_says(status: int, code: str):
    assert judge(error(code, status, retry_after_s=9.0)) == Retry("server_busy", 9.0)
    assert judge(Unreadable(status=status)) == Retry("server_busy", None)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_rule_4_a_redirect_is_an_operators_matter(status: int):
    assert judge(Unreadable(status=status)) == Operator("redirected", is_about_us=True)
    assert judge(error("invalid_grant", status)) == Operator("redirected", is_about_us=True)


@pytest.mark.parametrize("status", [400, 403, 404])
def test_rule_5_an_error_page_is_tried_again(status: int):
    assert judge(Unreadable(status=status, retry_after_s=3.0), unreadable_before=9) == Retry("unreadable_error", 3.0)


def test_rule_5_after_ten_error_pages_somebody_should_look():
    assert judge(Unreadable(status=403), unreadable_before=10) == Operator("unreadable_error", is_about_us=True)


@pytest.mark.parametrize("answer", [Unreadable(status=200), Unreadable(status=204), error("", 200)])
def test_rule_6_a_success_without_tokens_is_tried_twice_more(answer: Answer):
    assert judge(answer) == Retry("no_tokens", None)
    assert judge(answer, unreadable_before=1) == Retry("no_tokens", None)
    assert judge(answer, unreadable_before=2) == Operator("no_tokens", is_about_us=True)


def test_rule_7_tokens_are_success():
    tokens = TokenResponse(access_token="at")
    assert judge(tokens) == Success(tokens)


@pytest.mark.parametrize("description", ["Refresh token is invalid", "Refresh token is expired"])
def test_rule_8_what_a_provider_calls_dead_is_dead(description: str):
    answer = error("invalid_request", 401, description=description)
    assert judge(answer, refusals=DATABRICKS) == Discard("provider_says_so")


def test_rule_8_holds_for_errors_with_status_200():
    answer = error("bad_refresh_token", 200)
    assert judge(answer, refusals=(Refusal(means="dead", error="bad_refresh_token"),)) == Discard("provider_says_so")


def test_rule_8_takes_the_meaning_of_the_first_sign_that_fits():
    signs = (
        Refusal(means="transient", because="later", codes=frozenset({1}), retry_after_s=300.0),
        Refusal(means="interactive", because="mfa", codes=frozenset({2})),
        Refusal(means="operator", because="secret", error="invalid_grant", codes=frozenset({3})),
        Refusal(means="dead", because="over", error="invalid_grant"),
    )

    def said(*codes: int, **more) -> Verdict:
        return judge(error("invalid_grant", error_codes=frozenset(codes), **more), refusals=signs)

    assert said(1, 2) == Retry("later", 300.0)
    assert said(1, retry_after_s=900.0) == Retry("later", 900.0)
    assert said(2, 3, claims="{}") == Interactive("mfa", "{}")
    assert said(3) == Operator("secret")
    assert said() == Discard("over")


def test_rule_8_a_sign_without_a_span_leaves_it_to_the_server():
    answer = error("x", retry_after_s=None)
    assert judge(answer, refusals=(Refusal(means="transient", error="x"),)) == Retry("provider_says_so", None)


@pytest.mark.parametrize(
    "answer",
    [
        error("invalid_request", 401, description="Cannot supply multiple client credentials"),
        error("other", 401, description="Refresh token is invalid"),
    ],
)
def test_rule_8_another_error_or_description_is_not_dead(answer: TokenError):
    assert judge(answer, refusals=DATABRICKS) == Operator("refused")


@pytest.mark.parametrize(
    "code", ["interaction_required", "login_required", "consent_required", "account_selection_required"]
)
def test_rule_13_a_provider_that_wants_the_viewer_keeps_the_grant(code: str):
    assert judge(error(code, claims="{}")) == Interactive("interaction_required", "{}")


def test_rule_13_a_challenge_too_long_for_an_url_is_left_out():
    assert judge(error("interaction_required", claims="c" * 4000)) == Interactive("interaction_required", "c" * 4000)
    assert judge(error("interaction_required", claims="c" * 4001)) == Interactive("interaction_required", None)


@pytest.mark.parametrize("status", [200, 400, 401, 403])
def test_rule_15_invalid_grant_is_dead(status: int):
    assert judge(error("invalid_grant", status)) == Discard("invalid_grant")


@pytest.mark.parametrize("code", ["invalid_client", "unauthorized_client", "incorrect_client_credentials"])
def test_rule_16_a_refused_client_never_costs_a_grant(code: str):
    assert judge(error(code, 401), after_lost_answer=True) == Operator("client_refused", is_about_us=True)


@pytest.mark.parametrize("status", [400, 403])
def test_rule_16_an_unauthorized_client_that_was_not_turned_away_may_be_one_viewers_matter(status: int):
    assert judge(error("unauthorized_client", status)) == Operator("client_refused")
    assert judge(error("invalid_client", status)) == Operator("client_refused", is_about_us=True)


def test_rule_8_a_secret_that_the_recipe_knows_to_be_wrong_is_about_us():
    signs = (Refusal(means="operator", because="registration", codes=frozenset({7000222})),)
    expired = error("invalid_client", 401, error_codes=frozenset({7000222}))
    assert judge(expired, refusals=signs) == Operator("registration", is_about_us=True)
    other = error("invalid_request", 400, error_codes=frozenset({7000222}))
    assert judge(other, refusals=signs) == Operator("registration")


def test_rule_17_a_refused_scope_is_left_out():
    assert judge(error("invalid_scope")) == RetryWithoutScope()


def test_rule_17_a_scope_that_was_left_out_and_refused_needs_the_viewer():
    assert judge(error("invalid_scope"), without_scope=True) == Interactive("invalid_scope", None)


@pytest.mark.parametrize("code", ["server_error", "temporarily_unavailable", "slow_down"])
def test_rule_18_trouble_under_a_4xx_is_tried_again(code: str):
    assert judge(error(code, retry_after_s=5.0)) == Retry("server_busy", 5.0)


def test_rule_19_a_policy_that_denies_keeps_the_grant():
    assert judge(error("access_denied", 403)) == Interactive("access_denied", None)


@pytest.mark.parametrize("answer", [error("", 400), error("invalid_request"), error("odd", 418), error("odd", 200)])
def test_rule_20_everything_else_is_an_operators_matter(answer: TokenError):
    assert judge(answer) == Operator("refused")


SENSE = {
    "a proxy's page": (Unreadable(status=403), True),
    "a success that is a page": (Unreadable(status=200), True),
    "a success without a token": (TokenError(status=200, error=""), True),
    "a page of a server in trouble": (Unreadable(status=502), False),
    "an error": (TokenError(status=400, error="invalid_grant"), False),
    "an error with a success's status": (TokenError(status=200, error="bad_refresh_token"), False),
    "a redirect": (Unreadable(status=302), False),
    "tokens": (TokenResponse(access_token="a"), False),
    "silence": (LostAnswer("timeout"), False),
}


@pytest.mark.parametrize(("answer", "expected"), SENSE.values(), ids=SENSE.keys())
def test_an_answer_makes_no_sense_when_one_of_the_patient_rules_decides_it(answer, expected: bool) -> None:
    assert made_no_sense(answer) is expected
