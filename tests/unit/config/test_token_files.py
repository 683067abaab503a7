"""Where content session tokens are written, and for how long they are good."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.config.house import changed, loaded, problems

HERE = "    integrations: [warehouse]\n"


def with_file(path: object, *more: tuple[str, str]) -> str:
    return changed((HERE, f"{HERE}    session_token_file: {path}\n"), *more)


def test_without_a_file_there_is_none_and_a_day_is_the_life(tmp_path):
    config = loaded(tmp_path, changed())
    [content] = config.directory.contents.values()
    assert content.session_token_file == ""
    assert config.api_session_token_lifetime == timedelta(hours=24)


def test_a_file_and_a_life_are_read(tmp_path):
    text = with_file(tmp_path / "token", ("api:\n", "api:\n  session_token_lifetime: 1h\n"))
    config = loaded(tmp_path, text)
    [content] = config.directory.contents.values()
    assert content.session_token_file == f"{tmp_path}/token"
    assert config.api_session_token_lifetime == timedelta(hours=1)


@pytest.mark.parametrize("path", ["token", "./token", "/run/../token", "/run/./token", "/run/token/", '""'])
def test_a_path_that_could_be_another_is_refused(tmp_path, path):
    [found] = problems(tmp_path, with_file(path))
    assert "session_token_file: write the whole path of a file, from / on" in found


@pytest.mark.parametrize("life", ["0s", "4s", "24h1s", "7d"])
def test_a_life_beyond_reason_is_refused(tmp_path, life):
    [found] = problems(tmp_path, changed(("api:\n", f"api:\n  session_token_lifetime: {life}\n")))
    assert "api.session_token_lifetime: must be between 5s and 24h" in found


def test_a_folder_that_is_absent_or_everybodys_is_a_problem_before_the_start(tmp_path: Path):
    [found] = problems(tmp_path, with_file(tmp_path / "absent" / "token"))
    assert "session_token_file: the folder absent cannot be used (no such file or directory)" in found
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    [found] = problems(tmp_path, with_file(tmp_path / "open" / "token"))
    assert "everybody may write into the folder" in found


def test_two_contents_do_not_share_a_file(tmp_path):
    second = (
        "  - name: stock\n    path: /stock/\n    owner: bob@example.org\n    app_mode: python-dash\n"
        f"    upstream: http://127.0.0.1:8502\n    integrations: [warehouse]\n    session_token_file: {tmp_path}/token\n"
    )
    [found] = problems(tmp_path, with_file(tmp_path / "token") + second)
    assert "content[1].session_token_file: the content in line" in found
    assert "has this file too" in found


def test_without_an_api_a_file_is_of_no_use(tmp_path):
    text = with_file(tmp_path / "token")
    start, end = text.index("api:\n"), text.index("integrations:\n")
    found = problems(tmp_path, text[:start] + "api: {listen: null}\n" + text[end:])
    assert any("session_token_file: it is of no use while `api.listen` is null" in one for one in found)
