"""``docs/server-api.md`` says what the tables say."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from proxy.policy.permissions import TABLE, Grant, Verb
from proxy.web.api.codes import ERRORS
from proxy.web.api.operations import OPERATIONS
from proxy.web.routes import API_LISTENER

PAGE = Path(__file__).parents[4] / "docs/server-api.md"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines) + "\n"


def addresses() -> str:
    return markdown(("", "address", "what it does"), [(one.method, f"`{one.path}`", one.summary) for one in OPERATIONS])


def errors() -> str:
    rows = sorted(ERRORS, key=lambda row: (row.code, row.status))
    return markdown(
        ("code", "Connect's name", "status", "when"),
        [(str(row.code), row.name, str(row.status), row.when) for row in rows],
    )


def permissions() -> str:
    served = {
        verb: ", ".join(f"`{route.method} {route.path}`" for route in API_LISTENER if route.guard.verb is verb)
        for verb in TABLE
    }
    rows = [
        (
            f"`{verb}`", (served[verb] or BY_A_HANDLER.get(verb, "not served yet")) + (LOCAL if row.is_local else ""),
            *(SHOWN[grant] for grant in (row.anonymous, row.content, row.viewer, row.publisher, row.owner, row.administrator)),
            row.own,
        )
        for verb, row in TABLE.items()
    ]  # fmt: skip
    return markdown(
        ("verb", "request", "no key", "content", "viewer", "publisher", "owner", "administrator", "own"), rows
    )


SHOWN = {Grant.YES: "yes", Grant.OWN: "own", Grant.NO: "no", Grant.KEY: "key"}
BY_A_HANDLER = {Verb.LIST_ALL_OAUTH_SESSIONS: "`GET /__api__/v1/oauth/sessions?all=true`"}
LOCAL = "; on `api.listen` only"
TABLES: Mapping[str, Callable[[], str]] = {"addresses": addresses, "permissions": permissions, "errors": errors}


def test_a_table_stands_there_for_each_that_is_made():
    assert re.findall(r"<!-- table: (.+) -->", PAGE.read_text(encoding="utf-8")) == list(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_the_page_is_what_the_code_says(name):
    text = PAGE.read_text(encoding="utf-8")
    found = text.partition(f"<!-- table: {name} -->\n")[2].partition("<!-- end -->")[0]
    assert found == TABLES[name](), "run `python -m tests.unit.web.api.test_documentation`"


def written_anew() -> str:
    text = PAGE.read_text(encoding="utf-8")
    for name, table in TABLES.items():
        head, mark, rest = text.partition(f"<!-- table: {name} -->\n")
        text = head + mark + table() + "<!-- end -->" + rest.partition("<!-- end -->")[2]
    return text


if __name__ == "__main__":
    PAGE.write_text(written_anew(), encoding="utf-8")
