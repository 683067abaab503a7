"""Every refusal of the API, in Connect's envelope: ``{"code": int, "error": text, "payload": null | object}``.

Connect's clients look up ``code`` and ``error`` in any answer that is not 2xx and fail with a riddle without them; they
also follow redirects with key and body, so nothing here ever redirects.
"""

from __future__ import annotations

from typing import TypeVar

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from proxy.errors import SidecarError
from proxy.flows.refused import Refused
from proxy.web.requests import identify, request_id
from proxy.web.services import API

log = structlog.get_logger("api")

_Answer = TypeVar("_Answer")

CORRELATION = "X-Correlation-ID"

_TEXTS = {
    404: (4, "There is no such address."),
    405: (2, "This address does not understand that method."),
    413: (87, "The request is too large."),
}


class ApiRefusal(Exception):  # a refusal is an answer, not an error of ours
    """An answer in Connect's words: status, Connect's APIErrorCode, text."""

    def __init__(
        self, status: int, code: int, text: str, *, login_url: str | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.text = text
        self.login_url = login_url
        self.retry_after_s = retry_after_s


def granted(answer: _Answer | Refused) -> _Answer:
    """Return what a use case did; raise what it refused."""
    if not isinstance(answer, Refused):
        return answer
    raise ApiRefusal(
        answer.status, answer.code, answer.text, login_url=answer.login_url, retry_after_s=answer.retry_after_s
    )


@web.middleware
async def api_answers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let no exception out, and no answer without its headers."""
    identify(request, request.app[API].random_bytes, CORRELATION)
    answer = await _answer(request, handler)
    answer.headers["Server"] = "oauth-sidecar"  # not which versions of what serve here
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers[CORRELATION] = request_id(request)
    return answer


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiRefusal as refusal:
        log.info("request refused", code=refusal.code, status=refusal.status, request_id=request_id(request))
        return envelope(refusal)
    except SidecarError as error:
        # No traceback: the family's errors say in their detail what happened.
        log.warning("request failed", code=error.code, detail=error.detail, request_id=request_id(request))
        return envelope(ApiRefusal(error.status, 1, error.public, retry_after_s=5 if error.status == 503 else None))
    except web.HTTPException as error:
        code, text = _TEXTS.get(error.status, (2, "This request could not be understood."))
        answer = envelope(ApiRefusal(error.status if error.status >= 400 else 404, code, text))
        if "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]
        return answer
    except Exception:
        log.exception("request failed", request_id=request_id(request))
        return envelope(ApiRefusal(500, 1, SidecarError.public))


def envelope(refusal: ApiRefusal) -> web.Response:
    """Return Connect's error answer."""
    payload = None if refusal.login_url is None else {"login_url": refusal.login_url}
    said = {"code": refusal.code, "error": refusal.text, "payload": payload}
    answer = web.json_response(said, status=refusal.status)
    if refusal.retry_after_s is not None:
        answer.headers["Retry-After"] = str(max(1, round(refusal.retry_after_s)))
    return answer
