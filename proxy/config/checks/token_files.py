"""Files for content session tokens: each its own, in a folder that is there and not everybody's."""

from __future__ import annotations

import stat
from pathlib import Path

from proxy.config.checks.draft import Draft, refuse_repeats
from proxy.config.texts import span
from proxy.flows.content_tokens import LONGEST_LIFE

_SHORTEST = span("5s")


def check_token_files(draft: Draft) -> None:
    """No two contents share a file, its folder can be trusted, and the life of what is in it is within reason."""
    report = draft.report
    files = draft.given(draft.contents, "session_token_file", lambda item: item.session_token_file)
    given = [(path, file) for path, file in files if file is not None]
    refuse_repeats(given, report, "the content in {} has this file too")
    for path, file in given:
        problem = folder_problem(file.parent)
        if problem:
            report.add(path, problem)
        if draft.settings.api.listen is None and draft.is_given("api", "listen"):
            report.add(path, "it is of no use while `api.listen` is null")
    if draft.is_given("api", "session_token_lifetime"):
        life = draft.settings.api.session_token_lifetime
        if not _SHORTEST <= life <= LONGEST_LIFE:
            report.add(("api", "session_token_lifetime"), "must be between 5s and 24h")


def folder_problem(folder: Path) -> str:
    """Say why no token is written there; empty: one may be. Links are not followed: who sets one chooses the folder."""
    try:
        found = folder.lstat()
    except OSError as exc:
        return f"the folder {folder} cannot be used ({(exc.strerror or 'unknown reason').lower()})"
    if stat.S_ISLNK(found.st_mode):
        return f"{folder} is a symbolic link: name the folder itself"
    if not stat.S_ISDIR(found.st_mode):
        return f"{folder} is not a folder"
    if found.st_mode & stat.S_IWOTH:
        return f"everybody may write into the folder {folder}: take that right away (chmod o-w)"
    return ""
