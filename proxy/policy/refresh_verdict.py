"""What an answer of the token endpoint means for a grant: use it, try again, keep it, or give it up.

The table is ``RULES``; the first rule that applies decides. Numbers in names and tests are those of the rules' order. A
refresh token is discarded only when the server says that the grant is dead; trouble of transport, of the server or of our
own registration never costs a viewer their grant. What one provider says differently is in its ``refusals``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from proxy.oauth.message import LostAnswer, NotSent
from proxy.oauth.refusals import Refusal
from proxy.oauth.token import TokenError, TokenResponse, Unreadable

MAX_CLAIMS_CHARS = 4000
"""A claims challenge goes into a URL; Entra's have some hundred characters."""

MAX_UNREADABLE_ERRORS = 10
"""A proxy's error page may go away by itself; after so many in a row somebody should look."""

MAX_UNREADABLE_SUCCESSES = 2
"""A 2xx without tokens is nearly always a wrong endpoint."""


@dataclass(frozen=True, slots=True)
class Success:
    """New tokens."""

    tokens: TokenResponse


@dataclass(frozen=True, slots=True)
class Discard:
    """The grant is dead: forget the refresh token (if nothing newer is stored) and ask the viewer again."""

    because: str


@dataclass(frozen=True, slots=True)
class Interactive:
    """Keep the refresh token; the provider wants to see the viewer before it is used again."""

    because: str
    claims: str | None
    """What it wants to be asked with (a claims challenge, JSON); ``None``: nothing in particular."""


@dataclass(frozen=True, slots=True)
class Operator:
    """Keep the refresh token; our registration or an endpoint is wrong, and somebody must be told."""

    because: str
    is_about_us: bool = False
    """The same would be answered to every viewer's refresh: asking for others is no use before somebody has mended it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Keep the refresh token and try again, not before ``retry_after_s`` when the server said so."""

    because: str
    retry_after_s: float | None


@dataclass(frozen=True, slots=True)
class RetryWithoutScope:
    """Try again at once without ``scope``."""


@dataclass(frozen=True, slots=True)
class RetryOnce:
    """Nobody knows whether the server acted: try again at once, once, with the same refresh token.

    It cannot lose anything: a server that rotated has made our copy worthless already, and some accept it for some
    seconds more.
    """


Verdict = Success | Discard | Interactive | Operator | Retry | RetryWithoutScope | RetryOnce
Answer = TokenResponse | TokenError | Unreadable | NotSent | LostAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """An answer and what came before it."""

    answer: Answer
    status: int
    """0: no answer."""
    error: str
    description: str
    retry_after_s: float | None
    claims: str | None
    refusals: Sequence[Refusal]
    unreadable_before: int


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table."""

    number: int
    applies: Callable[[_Case], bool]
    verdict: Callable[[_Case], Verdict]


def verdict(
    answer: Answer,
    *,
    refusals: Sequence[Refusal],
    after_lost_answer: bool = False,
    without_scope: bool = False,
    unreadable_before: int = 0,
) -> Verdict:
    """Judge the answer to a refresh request.

    ``refusals``: what the server's errors mean where RFC 6749 does not say it; the first that fits counts.
    ``after_lost_answer``: this is the one further try after ``RetryOnce``. ``without_scope``: the request carried no ``scope``. ``unreadable_before``:
    how many answers in a row, before this one, :func:`made_no_sense`.
    """
    case = _case(answer, refusals=refusals, unreadable_before=unreadable_before)
    found = _rule(case).verdict(case)
    match found:
        case Discard() if after_lost_answer:  # the server rotated, and its answer never came
            return Discard("lost_response")
        case RetryOnce() if after_lost_answer:
            return Retry("lost_answer", None)
        case RetryWithoutScope() if without_scope:
            return Interactive("invalid_scope", case.claims)
        case _:
            return found


def made_no_sense(answer: Answer) -> bool:
    """Say whether an answer is one of those that are forgiven a few times only (rules 5 and 6)."""
    return _rule(_case(answer, refusals=(), unreadable_before=0)).number in {5, 6}


def _case(answer: Answer, *, refusals: Sequence[Refusal], unreadable_before: int) -> _Case:
    return _Case(
        answer=answer,
        status=0 if isinstance(answer, NotSent | LostAnswer) else getattr(answer, "status", 200),
        error=answer.error if isinstance(answer, TokenError) else "",
        description=answer.description if isinstance(answer, TokenError) else "",
        retry_after_s=answer.retry_after_s if isinstance(answer, TokenError | Unreadable) else None,
        claims=answer.claims
        if isinstance(answer, TokenError) and len(answer.claims or "") <= MAX_CLAIMS_CHARS
        else None,
        refusals=refusals,
        unreadable_before=unreadable_before,
    )


def _rule(case: _Case) -> Rule:
    return next(rule for rule in RULES if rule.applies(case))


def _refusal(case: _Case) -> Refusal | None:
    answer = case.answer
    return next((sign for sign in case.refusals if isinstance(answer, TokenError) and sign.fits(answer)), None)


def _as_the_recipe_says(case: _Case) -> Verdict:
    refusal = _refusal(case)
    assert refusal is not None, "rule 8 applies to these only"
    match refusal.means:
        case "dead":
            return Discard(refusal.because)
        case "interactive":
            return Interactive(refusal.because, case.claims)
        case "operator":
            return Operator(refusal.because, is_about_us=_is_about_us(case))
        case _:
            wait_s = max(case.retry_after_s or 0.0, refusal.retry_after_s or 0.0)
            return Retry(refusal.because, wait_s or None)


def _has_error(*errors: str) -> Callable[[_Case], bool]:
    return lambda case: case.error in errors


def _give_up_after(limit: int, because: str) -> Callable[[_Case], Verdict]:
    operator = Operator(because, is_about_us=True)
    return lambda case: operator if case.unreadable_before >= limit else Retry(because, case.retry_after_s)


def _is_about_us(case: _Case) -> bool:
    """Say whether the server refused to know us (RFC 6749 §5.2), whoever's token it was.

    ``unauthorized_client`` alone does not say so: Keycloak means a wrong secret by it (401), Atlassian one dead token (403).
    """
    return case.error in {"invalid_client", "incorrect_client_credentials"} or (
        case.error == "unauthorized_client" and case.status == 401
    )


def _success(case: _Case) -> Verdict:
    assert isinstance(case.answer, TokenResponse), "rule 7 applies to tokens only"
    return Success(case.answer)


RULES: tuple[Rule, ...] = (
    Rule(1, lambda case: isinstance(case.answer, NotSent), lambda _: Retry("not_sent", None)),
    Rule(2, lambda case: isinstance(case.answer, LostAnswer), lambda _: RetryOnce()),
    Rule(
        3,
        lambda case: case.status in {408, 429} or case.status >= 500,
        lambda case: Retry("server_busy", case.retry_after_s),
    ),
    Rule(4, lambda case: 300 <= case.status < 400, lambda _: Operator("redirected", is_about_us=True)),
    Rule(
        5,
        lambda case: isinstance(case.answer, Unreadable) and case.status >= 400,
        _give_up_after(MAX_UNREADABLE_ERRORS, "unreadable_error"),
    ),
    Rule(
        6,
        lambda case: not isinstance(case.answer, TokenResponse) and case.status < 300 and not case.error,
        _give_up_after(MAX_UNREADABLE_SUCCESSES, "no_tokens"),
    ),
    Rule(7, lambda case: isinstance(case.answer, TokenResponse), _success),
    Rule(8, lambda case: _refusal(case) is not None, _as_the_recipe_says),  # and 9 to 12, 14: in the recipe's order
    Rule(
        13,
        _has_error("interaction_required", "login_required", "consent_required", "account_selection_required"),
        lambda case: Interactive("interaction_required", case.claims),
    ),
    Rule(15, _has_error("invalid_grant"), lambda _: Discard("invalid_grant")),
    Rule(
        16,  # never discard here: a rotated client secret would sign out every viewer
        _has_error("invalid_client", "unauthorized_client", "incorrect_client_credentials"),
        lambda case: Operator("client_refused", is_about_us=_is_about_us(case)),
    ),
    Rule(17, _has_error("invalid_scope"), lambda _: RetryWithoutScope()),
    Rule(
        18,
        _has_error("server_error", "temporarily_unavailable", "slow_down"),
        lambda case: Retry("server_busy", case.retry_after_s),
    ),
    Rule(19, _has_error("access_denied"), lambda case: Interactive("access_denied", case.claims)),
    Rule(20, lambda _: True, lambda _: Operator("refused")),
)
