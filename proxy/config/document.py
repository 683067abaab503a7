"""YAML text → plain values and the line and column of each.

Only what every YAML version reads alike is taken: a value that YAML 1.1 and 1.2 disagree about (``no``, ``012``, ``1_0``,
``1:30``) is reported with the advice to quote it, never converted. Anchors and aliases work; merge keys and tags do not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import yaml

from proxy.config.problems import Path, Report, show_key

Value = None | bool | int | float | str | list["Value"] | dict[str, "Value"]

MAX_BYTES = 1024 * 1024
_MAX_VALUES = 50_000
"""Aliases of aliases can make a short file endless."""
_MAX_DEPTH = 40

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_TEXT_TAGS = {_TAG + "str", _TAG + "timestamp", _TAG + "value", _TAG + "merge"}
_NUMBER_TAGS = {_TAG + "int", _TAG + "float"}
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}")
_NUMBER_IN_1_2 = re.compile(r"0o[0-7]+|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)[eE][-+]?[0-9]+")
_BRACKET = re.compile(r"[\[\]{}]")
_INDICATORS_IN_A_ROW = re.compile(rf"(?:[-?:][ \t]+){{{_MAX_DEPTH}}}")
_QUOTED = re.compile(r"(['\"])(?!<)[^'\" ]{2,}\1")

_SAY_BOOLEAN = (
    "`yes`, `no`, `on` and `off` are booleans to one YAML version and text to another: write true or false, or quote it"
)
_SAY_TAG = "YAML tags (`!…`) are not supported"
_SAY_NUMBER = "YAML versions read this number differently: write plain decimal digits, or quote it if it is text"


@dataclass(slots=True)
class _Walk:
    report: Report
    values: int = 0


def read_document(raw: bytes, report: Report) -> dict[str, Value] | None:
    """Parse the file's bytes; a value that cannot be taken is reported, ``None`` when that is the whole file."""
    text = _decode(raw, report)
    root = _compose(text, report) if text is not None else None
    if root is None:
        return None if report.problems() else {}
    value = _value(root, (), _Walk(report), depth=0)
    if isinstance(value, dict):
        return value
    report.add((), "the file must be a mapping of settings, such as `public_url: …`")
    return None


def _decode(raw: bytes, report: Report) -> str | None:
    if len(raw) > MAX_BYTES:
        report.add_at(1, 1, f"the file is larger than {MAX_BYTES // 1024} KiB")
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        before = raw[: exc.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8-sig", "replace")) + 1
        report.add_at(line, column, "this is not UTF-8 text")
        return None


def _compose(text: str, report: Report) -> yaml.Node | None:
    if _nests_too_deep(text):
        report.add_at(1, 1, "brackets are nested too deep")
        return None
    try:
        return yaml.compose(text, Loader=_Loader)
    except yaml.reader.ReaderError as exc:
        before = text[: exc.position]
        report.add_at(before.count("\n") + 1, len(before) - before.rfind("\n"), "this character is not allowed in YAML")
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        said = exc.problem or exc.context or "it cannot be read"
        if mark and text[mark.index : mark.index + 1] == "\t":
            said = "a tab cannot indent: use blanks"
        report.add_at(*place, _QUOTED.sub("…", f"not YAML: {said}"))
    except RecursionError:
        report.add_at(1, 1, "values are nested too deep")
    return None


def _nests_too_deep(text: str) -> bool:
    """Guard the stack of a parser in C: more levels than any configuration has, wherever the brackets stand."""
    depth = 0
    for bracket in _BRACKET.findall(text):
        depth = depth + 1 if bracket in "[{" else max(0, depth - 1)
        if depth > _MAX_DEPTH:
            return True
    return _INDICATORS_IN_A_ROW.search(text) is not None


@dataclass(frozen=True, slots=True)
class _Refused:
    """A scalar that is not taken, and why."""

    text: str


def _value(node: yaml.Node, path: Path, walk: _Walk, *, depth: int) -> Value:
    report = walk.report
    report.marks.setdefault(path, _place(node))
    walk.values += 1
    if depth > _MAX_DEPTH or walk.values > _MAX_VALUES:
        if walk.values <= _MAX_VALUES + 1:
            report.add(path, "values are nested too deep, or aliases repeat too much")
            walk.values = max(walk.values, _MAX_VALUES + 1)
        return None
    match node:
        case yaml.ScalarNode():
            value = _scalar(node)
            if not isinstance(value, _Refused):
                return value
            report.add(path, value.text)
            return None
        case yaml.SequenceNode() if node.tag == _TAG + "seq":
            return [_value(item, (*path, index), walk, depth=depth + 1) for index, item in enumerate(node.value)]
        case yaml.MappingNode() if node.tag == _TAG + "map":
            return _mapping(node, path, walk, depth)
    report.add(path, _SAY_TAG)
    return None


def _mapping(node: yaml.MappingNode, path: Path, walk: _Walk, depth: int) -> dict[str, Value]:
    report = walk.report
    result: dict[str, Value] = {}
    for key_node, value_node in node.value:
        key = _key(key_node, path, report)
        if key is None:
            continue
        here = (*path, key)
        if key in result:
            first = report.key_marks[here][0]
            report.add_at(
                *_place(key_node), f"the key `{show_key(key)}` stands here twice, first in line {first}", here
            )
            continue
        report.key_marks[here] = _place(key_node)
        result[key] = _value(value_node, here, walk, depth=depth + 1)
    return result


def _key(node: yaml.Node, path: Path, report: Report) -> str | None:
    """Return the key's text; what is wrong with it is noted under a path that no setting has."""
    here = (*path, "…")
    if not isinstance(node, yaml.ScalarNode):
        report.add_at(*_place(node), "a key must be text", here)
        return None
    if node.tag == _TAG + "merge" and not node.style:
        report.add_at(*_place(node), "merge keys (`<<`) are not supported: write the settings out", here)
        return None
    key = _scalar(node)
    if isinstance(key, str):
        return key
    report.add_at(*_place(node), key.text if isinstance(key, _Refused) else "a key must be text: quote it", here)
    return None


def _scalar(node: yaml.ScalarNode) -> Value | _Refused:
    text, tag = node.value, node.tag
    if tag in _TEXT_TAGS:
        is_number = not node.style and _NUMBER_IN_1_2.fullmatch(text)
        return _Refused(_SAY_NUMBER) if is_number else str(text)
    if tag == _TAG + "null":
        return None
    if tag == _TAG + "bool":
        return _BOOLEANS[text] if text in _BOOLEANS else _Refused(_SAY_BOOLEAN)
    if tag not in _NUMBER_TAGS:
        return _Refused(_SAY_TAG)
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else _Refused(_SAY_NUMBER)


def _place(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1
