"""The expanded tree → settings, with every fault of type or name reported in one go.

What pydantic refuses is taken out of the tree and the rest is parsed again, so that the checks that look across settings
see all that is sound, and one typing error does not hide a clash elsewhere.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from proxy.config.document import Value
from proxy.config.problems import Path, Report, did_you_mean, show_key
from proxy.config.references import Expanded
from proxy.config.schema import NOT_SUPPORTED, Settings
from proxy.config.tree import at, model_at, step_into

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_STAND_INS: dict[Path, Value] = {
    ("public_url",): "https://stand-in.invalid",
    ("store",): {"url": "sqlite:///stand-in", "keys": ["stand-in"]},
    ("store", "url"): "sqlite:///stand-in",
    ("store", "keys"): ["stand-in"],
}
"""Fill the place of required settings that are faulty: reported already, so never returned to anybody."""

_LISTS = (("integrations",), ("content",), ("api", "keys"), ("store", "keys"))

_TEXTS = {
    "missing": "this setting is required",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a number",
    "list_type": "must be a list",
    "dict_type": "must be a mapping of settings",
    "model_type": "must be a mapping of settings",
    "too_short": "must not be empty",
}


@dataclass(frozen=True, slots=True)
class Parsed:
    """Settings as far as they are sound, and where in the file the items of their lists stand."""

    settings: Settings
    positions: dict[Path, list[int]]
    """For ``integrations``, ``content``, ``api.keys`` and ``store.keys``: the written position of each item that is left."""


def parse(tree: dict[str, Value], report: Report) -> Parsed:
    """Parse; report all that is refused."""
    rest: dict[str, Value] = {
        key: deepcopy(item) for key, item in tree.items() if item is not None or (key,) in _STAND_INS
    }
    positions: dict[Path, list[int]] = {}
    for where in _LISTS:
        items = at(rest, where)
        positions[where] = list(range(len(items))) if isinstance(items, list) else []
    is_first = True
    while True:
        try:
            return Parsed(Settings.model_validate(rest), positions)
        except ValidationError as exc:
            errors = exc.errors(include_url=False)
        if is_first:
            _report(errors, rest, report)
            is_first = False
        for path in sorted({_faulty(error, rest) for error in errors}, key=_last_first, reverse=True):
            _take_out(path, rest, positions)


def _report(errors: list[ErrorDetails], tree: Value, report: Report) -> None:
    sound = [error for error in errors if report.is_sound(*_path(error, tree))]
    for error in sound:
        path = _path(error, tree)
        report.add(path, _say(error, path), at_key=error["type"] == "extra_forbidden")


def _path(error: ErrorDetails, tree: Value) -> Path:
    """Turn pydantic's ``loc`` into a path of the file: tags of unions are not in it, a missing key is its end."""
    path = step_into(tree, error["loc"])
    return (*path, error["loc"][-1]) if error["type"] == "missing" else path


def _faulty(error: ErrorDetails, tree: Value) -> Path:
    """Return what must go: the value, or what lacks it."""
    path = _path(error, tree)
    return path[:-1] if error["type"] == "missing" and path not in _STAND_INS else path


def _last_first(path: Path) -> tuple[str, ...]:
    return tuple(f"{step:09}" if isinstance(step, int) else step for step in path)


def _take_out(path: Path, tree: dict[str, Value], positions: dict[Path, list[int]]) -> None:
    parent, last = at(tree, path[:-1]), path[-1]
    match parent, last:
        case dict(), str():
            parent.pop(last, None)
            if path in _STAND_INS:
                parent[last] = deepcopy(_STAND_INS[path])
            for where in _LISTS:
                if where[: len(path)] == path:
                    positions[where] = []
        case list(), int() if last < len(parent):
            parent.pop(last)
            if path[:-1] in positions:
                positions[path[:-1]].pop(last)
        case _:
            pass


def _say(error: ErrorDetails, path: Path) -> str:
    kind, given, context = error["type"], error.get("input"), error.get("ctx", {})
    if kind == "extra_forbidden":
        return _say_unknown(path)
    if given is None and kind != "missing":
        return "must not be empty"
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return _say_choice(given)
    if kind == "greater_than_equal":
        return f"must be at least {context['ge']:g}"
    if kind == "less_than_equal":
        return f"must be at most {context['le']:.15g}"
    if kind == "string_type" and isinstance(given, bool | int | float):
        return "must be text: put it in quotes"
    return _TEXTS.get(kind, error["msg"].replace("Input should", "must"))


def _say_choice(given: object) -> str:
    choices = ("anyone", "signed_in")
    hint = did_you_mean(given, choices) if isinstance(given, str) and not isinstance(given, Expanded) else ""
    return "must be anyone, signed_in, or lists of emails, domains and groups" + hint


def _say_unknown(path: Path) -> str:
    key = str(path[-1])
    generic = tuple(step for step in path if isinstance(step, str))
    if generic in NOT_SUPPORTED:
        return f"not supported by this version: {NOT_SUPPORTED[generic]}"
    if ":" in key:
        return "unknown setting; is a blank missing after the colon?"
    known = list(model_at(Settings, path[:-1]).model_fields)
    hint = did_you_mean(key, known) if show_key(key) == key else ""
    return f"unknown setting{hint}"
