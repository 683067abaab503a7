"""What ``check`` prints of a configuration: all of it."""

from __future__ import annotations

import yaml

from proxy.config.schema import Settings
from proxy.config.show import effective
from proxy.config.tree import setting_paths
from tests.unit.config.house import SOUND, changed, loaded
from tests.unit.config.test_network import pem_pair


def test_an_api_that_listens_anywhere_is_shown_as_such(tmp_path):
    text = changed(("api:\n", "api:\n  listen: 0.0.0.0:3939\n  unsafe_listen_anywhere: true\n"))

    assert yaml.safe_load(effective(loaded(tmp_path, text)))["api"]["unsafe_listen_anywhere"] is True
    assert yaml.safe_load(effective(loaded(tmp_path, SOUND)))["api"]["unsafe_listen_anywhere"] is False


def test_every_setting_is_shown(tmp_path):
    text = changed(
        ("sign_in: warehouse\n", "sign_in: warehouse\ntls: {certificate: a.pem, key: a.key}\n"),
        ("api:\n", "api:\n  tls: {certificate: a.pem, key: a.key}\n"),
        ("path: /sales/\n", "path: /sales/\n    access: {groups: [board]}\n"),
    )
    second = """\
  - name: board
    host: board.example.org
    app_mode: python-dash
    upstream: http://127.0.0.1:8502
"""
    text += second
    text = text.replace("integrations: [warehouse]", "integrations: [{name: warehouse, optional: true}]")
    pem_pair(tmp_path, "a")

    shown = yaml.safe_load(effective(loaded(tmp_path, text)))

    assert set(setting_paths(Settings)) - set(keys(shown)) == set()


def keys(node: object, above: tuple[str, ...] = ()):
    """Yield the path of every key, positions in lists left out."""
    match node:
        case dict():
            for name, value in node.items():
                yield (*above, name)
                yield from keys(value, (*above, name))
        case list():
            for value in node:
                yield from keys(value, above)


def test_only_what_is_optional_is_shown_with_more_than_its_name(tmp_path):
    crm = SOUND[SOUND.index("  - name: warehouse") : SOUND.index("content:\n  - name")].replace("warehouse", "crm")
    text = changed(
        ("content:\n  - name", crm + "content:\n  - name"),
        ("integrations: [warehouse]", "integrations: [{name: warehouse}, {name: crm, optional: true}]"),
    )

    (content,) = yaml.safe_load(effective(loaded(tmp_path, text)))["content"]

    assert content["integrations"] == ["warehouse", {"name": "crm", "optional": True}]
