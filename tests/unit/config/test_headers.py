"""`headers` of a content: what is taken, what is refused, and what `check` says of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from proxy.config.show import effective
from proxy.model import HeaderPreset, HeaderRules
from tests.unit.config.house import changed, loaded, problems

PLACE = "path: /sales/\n"


def with_headers(written: str, app_mode: str = "python-streamlit") -> str:
    return changed((PLACE, f"{PLACE}    headers: {written}\n"), ("python-streamlit", app_mode))


def rules_of(folder: Path, text: str) -> HeaderRules:
    [content] = loaded(folder, text).directory.contents.values()
    return content.headers


def test_without_a_word_a_content_gets_all(tmp_path):
    assert rules_of(tmp_path, changed()) == HeaderRules()


@pytest.mark.parametrize("app_mode", ["python-bokeh", "python-panel"])
def test_bokeh_and_panel_get_the_session_token_only_unless_told(tmp_path, app_mode):
    assert rules_of(tmp_path, with_headers("{}", app_mode)).preset is HeaderPreset.SESSION_TOKEN_ONLY
    assert rules_of(tmp_path, with_headers("{preset: all}", app_mode)).preset is HeaderPreset.ALL
    assert rules_of(tmp_path, changed(("python-streamlit", app_mode))).preset is HeaderPreset.SESSION_TOKEN_ONLY


def test_names_are_compared_without_case_and_written_as_given(tmp_path):
    text = with_headers(
        "{preset: all, rename: {x-forwarded-ACCESS-token: X-Tok, X-Forwarded-Access-Token-Warehouse: X-Wh}, "
        "drop: [X-Forwarded-GROUPS]}"
    )
    assert rules_of(tmp_path, text) == HeaderRules(
        rename={"x-forwarded-access-token": "X-Tok", "x-forwarded-access-token-warehouse": "X-Wh"},
        drop=frozenset({"x-forwarded-groups"}),
    )


def test_a_name_can_move_to_one_that_is_free_now(tmp_path):
    text = with_headers("{rename: {X-Forwarded-Email: X-Forwarded-User}, drop: [X-Forwarded-User]}")
    assert rules_of(tmp_path, text).rename == {"x-forwarded-email": "X-Forwarded-User"}
    text = with_headers("{rename: {X-Forwarded-Email: X-Forwarded-User, X-Forwarded-User: X-Forwarded-Email}}")
    assert len(rules_of(tmp_path, text).rename) == 2


# name: (what is written, the place, what is said)
REFUSED = {
    "an unknown preset": (
        "{preset: al}",
        "preset",
        r"must be one of all, posit-connect, no-access.*did you mean `all`\?",
    ),
    "a preset that is no text": ("{preset: 1}", "preset", "must be text such as session-token-only"),
    "no header of ours": (
        "{rename: {X-Forwarded-Acces-Token: X-T}}",
        "rename.X-Forwarded-Acces-Token",
        r"no header of this name \(did you mean `X-Forwarded-Access-Token`\?\)",
    ),
    "nothing like a header of ours": ("{drop: [Nonsense]}", "drop[0]", "there are: X-Forwarded-Access-Token, "),
    "a header of no integration": ("{drop: [X-Forwarded-Access-Token-Lake]}", "drop[0]", "no header of this name"),
    "dropped twice": ("{drop: [X-Forwarded-User, x-forwarded-user]}", "drop[1]", "stands here already, in line 22"),
    "renamed twice": (
        "{rename: {X-Forwarded-User: X-A, x-forwarded-user: X-B}}",
        "rename.x-forwarded-user",
        "renamed already",
    ),
    "renamed and dropped": (
        "{rename: {X-Forwarded-User: X-A}, drop: [X-Forwarded-User]}",
        "rename.X-Forwarded-User",
        "is dropped, so it cannot have another name",
    ),
    "not sent by the preset": (
        "{preset: no-access-tokens, rename: {X-Forwarded-Access-Token: X-A}}",
        "rename.X-Forwarded-Access-Token",
        "the preset no-access-tokens does not send this header",
    ),
    "no token of HTTP": ("{rename: {X-Forwarded-User: 'X User'}}", "rename.X-Forwarded-User", "letters, digits and hy"),
    "an underscore": ("{rename: {X-Forwarded-User: X_User}}", "rename.X-Forwarded-User", "letters, digits and hyphens"),
    "a line of its own": ('{rename: {X-Forwarded-User: "X\\r\\nY"}}', "rename.X-Forwarded-User", "one line"),
    "nothing": ("{rename: {X-Forwarded-User: ''}}", "rename.X-Forwarded-User", "letters, digits and hyphens"),
    "too long": (f"{{rename: {{X-Forwarded-User: {'x' * 65}}}}}", "rename.X-Forwarded-User", "1 to 64"),
    "Host": ("{rename: {X-Forwarded-User: Host}}", "rename.X-Forwarded-User", "`Host` means something of its own"),
    "Cookie": ("{rename: {X-Forwarded-User: cookie}}", "rename.X-Forwarded-User", "`cookie` means something of its"),
    "Authorization": (
        "{rename: {X-Forwarded-Access-Token: Authorization}}",
        "rename.X-Forwarded-Access-Token",
        "`Authorization` means something of its own",
    ),
    "framing": ("{rename: {X-Forwarded-User: Content-Length}}", "rename.X-Forwarded-User", "means something"),
    "hop-by-hop": ("{rename: {X-Forwarded-User: TE}}", "rename.X-Forwarded-User", "means something of its own"),
    "an integration's": (
        "{rename: {X-Forwarded-User: X-Forwarded-Access-Token-Lake}}",
        "rename.X-Forwarded-User",
        "begins like the headers of integrations",
    ),
    "two under one name": (
        "{rename: {X-Forwarded-User: X-Who, X-Forwarded-Email: x-who}}",
        "rename.X-Forwarded-Email",
        "`x-who` is the name of X-Forwarded-User here",
    ),
    "a name that is sent already": (
        "{rename: {X-Forwarded-Email: x-forwarded-user}}",
        "rename.X-Forwarded-Email",
        "`x-forwarded-user` is the name of X-Forwarded-User here: rename or drop that one too",
    ),
    "an unknown setting": ("{names: {}}", "names", "unknown setting"),
}


@pytest.mark.parametrize(("written", "place", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_sent_is_refused(tmp_path, written, place, said):
    [line] = problems(tmp_path, with_headers(written))
    assert line.startswith("config.yaml:22:")
    assert f": content[0].headers.{place}: " in line
    assert re.search(said, line), line


def test_panels_own_default_is_named_when_it_does_not_send(tmp_path):
    written = "{rename: {X-Forwarded-Access-Token: X-A}}"
    [line] = problems(tmp_path, with_headers(written, "python-panel"))
    assert "the preset session-token-only (the default of python-panel) does not send this header" in line


def test_a_faulty_name_does_not_move_the_places_of_others(tmp_path):
    found = problems(tmp_path, with_headers("{drop: [12, Nonsense]}"))
    assert [line.split(": ")[1] for line in found] == ["content[0].headers.drop[0]", "content[0].headers.drop[1]"]


def test_without_a_kind_of_content_nobody_says_what_its_preset_sends(tmp_path):
    [line] = problems(tmp_path, with_headers("{rename: {X-Forwarded-Access-Token: X-A}}", "12"))
    assert "app_mode" in line


def test_a_header_of_an_integration_that_is_faulty_is_no_second_problem(tmp_path):
    text = with_headers("{drop: [X-Forwarded-Access-Token-Lake]}").replace("  - name: warehouse", "  - name: '?'")
    assert not any("headers" in line for line in problems(tmp_path, text))


@pytest.mark.parametrize(
    ("written", "app_mode", "preset", "said"),
    [
        ("{}", "python-panel", "session-token-only", "what keeps access tokens out of pages: python-panel publishes"),
        ("{preset: all}", "python-bokeh", "all", "a risk: python-bokeh publishes request headers in its pages"),
        ("{preset: posit-connect}", "python-panel", "posit-connect", "a risk: python-panel publishes"),
        ("{preset: no-access-tokens}", "python-panel", "no-access-tokens", "what keeps access tokens out of pages"),
        ("{}", "python-streamlit", "all", ""),
    ],
)
def test_check_says_which_headers_are_sent_and_why(tmp_path, written, app_mode, preset, said):
    shown = yaml.safe_load(effective(loaded(tmp_path, with_headers(written, app_mode))))["content"][0]["headers"]
    assert shown["preset"] == preset
    assert shown.get("preset_is", "").startswith(said)
    assert bool(said) is ("preset_is" in shown)


def test_check_shows_other_names(tmp_path):
    text = with_headers("{rename: {X-Forwarded-Email: X-Mail}, drop: [X-Forwarded-User]}")
    shown = yaml.safe_load(effective(loaded(tmp_path, text)))["content"][0]["headers"]
    assert shown == {"preset": "all", "rename": {"x-forwarded-email": "X-Mail"}, "drop": ["x-forwarded-user"]}
