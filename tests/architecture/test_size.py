"""The gateway stays small enough to be read at once: what has no socket is in other rooms."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

import pytest

FILES = sorted(Path("proxy/gateway").glob("*.py"))
MOST_LINES_OF_A_FILE = 250
MOST_LINES_OF_CODE = 1200

_LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def lines_of_code(text: str) -> int:
    """Count lines that hold code: blank ones, comments and docstrings aside."""
    strings = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    code = {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in _LAYOUT
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(code - strings)


def test_the_counter_knows_code_from_words() -> None:
    assert lines_of_code('"""Words."""\n\n# more words\nx = (\n    1\n)\n"""Of x."""\n') == 3


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_file_of_the_gateway_is_too_long_to_be_read_at_once(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= MOST_LINES_OF_A_FILE


def test_the_gateway_as_a_whole_is_small() -> None:
    assert sum(lines_of_code(file.read_text()) for file in FILES) < MOST_LINES_OF_CODE
