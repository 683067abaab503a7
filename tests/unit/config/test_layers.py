"""Faults of different layers in one item are all said at once: YAML, references, types, and how settings fit."""

from __future__ import annotations

import typing

import pytest
from pydantic import BaseModel

from proxy.config.load import load
from proxy.config.parse import parse
from proxy.config.problems import Report
from proxy.config.schema import Settings
from tests.unit.config.house import API_KEY, CLIENT_SECRET, STORE_KEY, changed, problems
from tests.unit.config.test_network import pem_pair

SECOND_CONTENT = (
    "    integrations: [warehouse]\n",
    (
        "    integrations: [warehouse]\n"
        "  - {name: board, owner: bob@example.org, path: /board/, app_mode: python-dash, upstream: 'http://b:1'}\n"
    ),
)
SECOND_INTEGRATION = (
    "content:\n",
    (
        "  - name: lake\n    template: custom\n    config:\n"
        "      {authorization_uri: https://a.example, token_uri: https://t.example, client_id: x}\ncontent:\n"
    ),
)
SECOND_KEY = (
    f"    - {{name: sales, content: sales, key: {API_KEY}}}\n",
    f"    - {{name: sales, content: sales, key: {API_KEY}}}\n    - {{name: other, content: sales, key: {API_KEY}}}\n",
)

# name: (what is replaced in the sound configuration, then in what became of it; the paths that are named)
ROWS: dict[str, tuple[list[tuple[str, str]], list[str]]] = {
    "content: type, kind, path and owner": (
        [SECOND_CONTENT, ("'http://b:1'", "https://b:1"), ("python-dash", "nope"), ("/board/", "/sales/"), ("board, owner: bob", "board, owner: eve")],
        ["content[1].owner", "content[1].path", "content[1].app_mode", "content[1].upstream"],
    ),
    "content: missing upstream, repeated name, unknown integration": (
        [SECOND_CONTENT, (", upstream: 'http://b:1'", ", integrations: [nobody]"), ("name: board", "name: sales")],
        ["content[1].upstream", "content[1].name", "content[1].integrations[0]"],
    ),
    "content: number as a name, own listener, repeated path": (
        [SECOND_CONTENT, ("name: board", "name: 12"), ("/board/", "/sales/"), ("http://b:1", "http://localhost:8080")],
        ["content[1].name", "content[1].path", "content[1].upstream"],
    ),
    "content: unset variable, unknown setting, access for anyone with an integration": (
        [("path: /sales/", "path: ${UNSET}\n    acces: x\n    access: anyone")],
        ["content[0].path", "content[0].acces", "content[0].integrations"],
    ),
    "content: tag as a kind, integration twice after a number": (
        [("python-streamlit", "!x y"), ("[warehouse]", "[12, warehouse, warehouse]")],
        ["content[0].app_mode", "content[0].integrations[0]", "content[0].integrations[2]"],
    ),
    "content: a number and an unknown name among integrations, on a rendered kind": (
        [("[warehouse]", "[12, nobody]"), ("python-streamlit", "static")],
        ["content[0].integrations", "content[0].integrations[0]", "content[0].integrations[1]"],
    ),
    "content: a rule with an odd address that nobody can judge": (
        [("sign_in: warehouse\n", ""), ("path: /sales/", "path: sales\n    access: {emails: [ada]}")],
        ["content[0].path", "content[0].access", "content[0].access.emails[0]"],
    ),
    "integration: name, address, slug": (
        [
            SECOND_INTEGRATION, ("name: lake", "name: 12\n    slug: warehouse"), ("https://t.example", "http://t.example"),
        ],
        ["integrations[1].name", "integrations[1].slug", "integrations[1].config.token_uri"],
    ),
    "integration: missing template, repeated name, bad guid": (
        [SECOND_INTEGRATION, ("name: lake\n    template: custom", "name: warehouse\n    guid: x")],
        ["integrations[1].template", "integrations[1].name", "integrations[1].guid"],
    ),
    "integration: config that is text, reserved slug": (
        [
            SECOND_INTEGRATION, ("name: lake", "name: expires"),
            ("{authorization_uri: https://a.example, token_uri: https://t.example, client_id: x}", "x"),
        ],
        ["integrations[1].slug", "integrations[1].config"],
    ),
    "integration: no userinfo for sign_in beside another fault": (
        [
            ("      userinfo_uri: https://login.example.org/userinfo\n", ""), (CLIENT_SECRET, '""'),
            ("client_id: sidecar", "client_id: 12"),
        ],
        ["sign_in", "integrations[0].config.client_id", "integrations[0].config.client_secret"],
    ),
    "key: number as a name, unknown content, the same key": (
        [SECOND_KEY, ("name: other, content: sales", "name: 12, content: slaes")],
        ["api.keys[1].name", "api.keys[1].content", "api.keys[1].key"],
    ),
    "key: neither role nor content, repeated name, weak key": (
        [SECOND_KEY, (f"name: other, content: sales, key: {API_KEY}", "name: sales, key: abc")],
        ["api.keys[1].role", "api.keys[1].name", "api.keys[1].key"],
    ),
    "key: unknown role, address that is none, weak key": (
        [(f"content: sales, key: {API_KEY}", "role: boss, user: nobody, key: abc")],
        ["api.keys[0].role", "api.keys[0].user", "api.keys[0].key"],
    ),
    "key: unset variable as a key, unknown content, no listener": (
        [("api:\n", "api:\n  listen: null\n"), (f"content: sales, key: {API_KEY}", "content: slaes, key: '${UNSET}'")],
        ["api.keys", "api.keys[0].key", "api.keys[0].content"],
    ),
    "store: address, weak key, key of two things": (
        [("sqlite:///var/lib/state.db", "postgres://a"), (API_KEY, STORE_KEY), (f"[{STORE_KEY}]", f"[12, changeme, {STORE_KEY}]")],
        ["store.url", "store.keys[0]", "store.keys[1]", "api.keys[0].key"],
    ),
    "store: missing address, unknown setting, weak key": (
        [("url: sqlite:///var/lib/state.db", "path: x"), (STORE_KEY, "changeme")],
        ["store.url", "store.path", "store.keys[0]"],
    ),
    "tls: number as a file, missing file, plain http": (
        [("https://apps.example.org", "http://localhost:1"), ("sign_in:", "tls: {certificate: 12, key: /nowhere}\nsign_in:")],
        ["tls", "tls.certificate", "tls.key"],
    ),
    "session: unknown setting, idle too long": (
        [("sign_in:", "session: {idle: 2h, lifetime: 1h, x: 1}\nsign_in:")],
        ["session.x", "session.lifetime"],
    ),
}  # fmt: skip


def paths(lines: list[str]) -> list[str]:
    return sorted(line.split(": ")[1] for line in lines)


def faulty(changes: list[tuple[str, str]]) -> str:
    text = changed(changes[0])
    for old, new in changes[1:]:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize(("changes", "expected"), ROWS.values(), ids=list(ROWS))
def test_no_fault_hides_another_in_its_item(tmp_path, changes, expected):
    assert paths(problems(tmp_path, faulty(changes))) == sorted(expected)


# name: (what is replaced, the only path that is named)
ALONE = {
    "a secret that is not set, and how it would be sent": (
        [(f"client_secret: {CLIENT_SECRET}", "client_secret: ${UNSET}\n      token_endpoint_auth_method: client_secret_basic")],
        "integrations[0].config.client_secret",
    ),
    "an address for the API that is not set, and its keys": ([("api:\n", "api:\n  listen: ${UNSET}\n")], "api.listen"),
    "a faulty slug, and the slug that follows from the name": (
        [SECOND_INTEGRATION, ("name: lake", "name: expires\n    slug: A B")],
        "integrations[1].slug",
    ),
    "a repeated name, and the slug that follows from it": (
        [SECOND_INTEGRATION, ("name: lake", "name: warehouse")],
        "integrations[1].name",
    ),
    "a key that is no mapping": ([(f"{{name: sales, content: sales, key: {API_KEY}}}", "12")], "api.keys[0]"),
    "an integration that is no mapping": (
        [("content:\n", "  - 12\ncontent:\n")], "integrations[1]",
    ),
    "a sign_in whose integration has a faulty userinfo_uri": (
        [("https://login.example.org/userinfo", "12")], "integrations[0].config.userinfo_uri",
    ),
    "a sign_in whose integration has a faulty config": (
        [("    config:\n", "    config: x\n    x:\n")], "integrations[0].config",
    ),
    "a store that is text": ([("store:\n", "store: x\nx:\n")], "store"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "expected"), ALONE.values(), ids=list(ALONE))
def test_what_only_follows_from_a_fault_is_not_said(tmp_path, changes, expected):
    named = paths(problems(tmp_path, faulty(changes)))

    assert [path for path in named if not path.endswith("x")] == [expected]


def test_two_items_without_a_name_are_not_called_equal(tmp_path):
    text = faulty([SECOND_CONTENT, ("  - name: sales\n    owner", "  - owner"), ("{name: board, ", "{")])

    assert [path for path in paths(problems(tmp_path, text)) if path.startswith("content")] == [
        "content[0].name",
        "content[1].name",
    ]


def test_an_unknown_setting_does_not_keep_tls_files_from_being_tried(tmp_path):
    pem_pair(tmp_path, "a")
    pem_pair(tmp_path, "b")

    named = paths(
        problems(tmp_path, faulty([("sign_in:", "tls: {certificate: a.pem, key: b.key, chain: c}\nsign_in:")]))
    )

    assert named == ["tls", "tls.chain"]


def required_places(model: type[BaseModel], above: tuple[str | int, ...] = ()):
    """The path of every required setting; 0 is the position in a list."""
    for name, field in model.model_fields.items():
        if field.is_required():
            yield (*above, name)
        for inner, is_listed in _inside(field.annotation):
            yield from required_places(inner, (*above, name, 0) if is_listed else (*above, name))


def _inside(annotation, *, is_listed=False):
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, is_listed
    for part in typing.get_args(annotation):
        yield from _inside(part, is_listed=is_listed or typing.get_origin(annotation) is list)


@pytest.mark.parametrize("place", list(required_places(Settings)), ids=lambda place: ".".join(map(str, place)))
@pytest.mark.parametrize("value", [{}, None, 12, [12]], ids=["left out", "empty", "a number", "a list"])
def test_an_item_stays_without_any_of_its_required_settings(place, value):
    item = {"name": "a", "path": "/", "app_mode": "proxied", "upstream": "http://a", "owner": "kept"}
    item["integrations"] = [{"name": "a", "optional": True}]
    tree = {
        "public_url": "https://a.example",
        "store": {"url": "sqlite:///x", "keys": ["x"]},
        "tls": {"certificate": "c", "key": "k"},
        "api": {"tls": {"certificate": "c", "key": "k"}, "keys": [{"name": "a", "content": "a", "key": "k"}]},
        "integrations": [{"name": "a", "template": "custom", "config": {}, "description": "kept"}],
        "content": [item],
    }
    node = tree
    for step in place[:-1]:
        node = node[step]
    if value == {}:
        del node[place[-1]]
    else:
        node[place[-1]] = value
    report = Report(file="f")

    parsed = parse(tree, report)

    assert any(path[: len(place)] == place for path in parsed.refused)
    assert [(*place,)] == [path[: len(place)] for path in report.paths()]
    assert parsed.settings.content[0].owner == parsed.settings.integrations[0].description == "kept"
    assert len(parsed.settings.api.keys) == 1
    assert parsed.settings.tls is not None
    assert parsed.settings.api.tls is not None


def test_nothing_that_stands_in_is_ever_in_force(tmp_path):
    (tmp_path / "config.yaml").write_text("public_url: 12\nstore: 12\n", encoding="utf-8")

    with pytest.raises(Exception, match="public_url"):
        load(tmp_path / "config.yaml", environment={})
