"""Whatever stands in the file: a configuration or a list of problems, and never a secret in one."""

from __future__ import annotations

import string
import tempfile
from pathlib import Path

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.config.load import load
from proxy.config.problems import ConfigProblems
from proxy.config.schema import Settings
from proxy.config.tree import setting_paths
from tests.unit.config.house import SOUND

KEYS = [*sorted({path[-1] for path in setting_paths(Settings)}), "host", "role", "x-y", "…", "[key]"]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-10, 10**6),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["warehouse", "sales", "custom", "${A}", "file:x", "/sales/", "http://localhost:1", "anyone", "12h"]
    ),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=20,
)
SECRET = "hunter2-hunter2"
PLACES = [path for path in setting_paths(Settings) if path != ("listen",)]
few = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def outcome(text: str, **environment: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            return repr(load(file, environment=environment))
        except ConfigProblems as exc:
            return "\n".join(map(str, exc)) or "no problem is named"


@few
@given(st.text())
def test_any_text_is_read_or_refused(text):
    assert outcome(text) != "no problem is named"


@few
@given(st.text(alphabet=string.printable + "&*!<>|'\"%@`[]{}:,-? \n"))
def test_any_punctuation_is_read_or_refused(text):
    outcome(text)


@few
@given(TREES)
def test_any_tree_is_read_or_refused(tree):
    outcome(yaml.safe_dump(tree))


@few
@given(st.sampled_from(PLACES), TREES)
def test_any_value_in_place_of_a_sound_one_is_read_or_refused(place, value):
    outcome(yaml.safe_dump(replaced(place, value)), A="x")


@few
@given(st.sampled_from(PLACES), st.sampled_from(["${A}", "x${A}", "[${A}]", "http://${A}/", "unix:${A}", "file:${A}"]))
def test_a_value_from_the_environment_is_in_no_problem(place, value):
    text = yaml.safe_dump(replaced(place, value))

    said = outcome(text, A=SECRET)

    if not said.startswith("Config("):
        assert SECRET not in said


def replaced(place: tuple[str, ...], value: object) -> object:
    """The sound configuration with one setting replaced."""
    tree = yaml.safe_load(SOUND)
    node = tree
    for step in place[:-1]:
        node = node.setdefault(step, {}) if isinstance(node, dict) else node
        while isinstance(node, list) and node:
            node = node[0]
        if not isinstance(node, dict):
            return tree
    node[place[-1]] = value
    return tree
