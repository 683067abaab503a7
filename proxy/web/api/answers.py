"""Answers of the Server API: one object, or a bare array of them, as JSON."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web
from pydantic import BaseModel


def one(answer: BaseModel) -> web.Response:
    """Return one object."""
    return web.json_response(_plain(answer))


def many(answers: Iterable[BaseModel]) -> web.Response:
    """Return an array: Connect puts nothing around these."""
    return web.json_response([_plain(answer) for answer in answers])


def nothing() -> web.Response:
    """Say that it is done."""
    return web.Response(status=204)


def _plain(answer: BaseModel) -> object:
    return answer.model_dump(mode="json", by_alias=True, exclude_unset=True)
