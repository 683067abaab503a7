"""Content session tokens in files: whole, private, in time, and never where everybody may write."""

from __future__ import annotations

import asyncio
import os
import stat
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from proxy.errors import ConfigError
from proxy.token_files import TokenFile, TokenFiles
from tests.unit.flows.house import START, Clock

DAY = timedelta(hours=24)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    return folder


def token_until(until: datetime) -> str:
    return f"good until {until:%d %H:%M}"


def files(clock: Clock, *paths: Path, lifetime: timedelta = DAY) -> TokenFiles:
    made = [TokenFile(content=path.name, path=path, token_until=token_until) for path in paths]
    return TokenFiles(made, lifetime=lifetime, now=clock)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def turns(tokens: TokenFiles, clock: Clock, until: Callable[[], bool]) -> None:
    """Let it follow by the clock until something is so."""
    following = asyncio.create_task(tokens.follow(sleep=clock.sleep))
    while not until():
        await asyncio.sleep(0)
    following.cancel()


def test_each_content_finds_its_token_and_nobody_else_reads_it(folder, clock):
    files(clock, folder / "sales", folder / "stock").write_all()
    for name in ("sales", "stock"):
        assert (folder / name).read_text() == "good until 02 12:00\n"
        found = (folder / name).stat()
        assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o600, os.geteuid())
    assert names(folder) == ["sales", "stock"]


def test_the_mode_is_right_whatever_the_umask(folder, clock):
    before = os.umask(0o277)
    try:
        files(clock, folder / "sales").write_all()
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / "sales").stat().st_mode) == 0o600


async def test_it_is_replaced_when_half_of_its_life_is_over(folder, clock):
    tokens = files(clock, folder / "sales")
    tokens.write_all()
    await turns(tokens, clock, lambda: clock() >= START + DAY / 2 - timedelta(seconds=31))
    assert (folder / "sales").read_text() == "good until 02 12:00\n"
    await turns(tokens, clock, lambda: "03 00:00" in (folder / "sales").read_text())
    assert clock() <= START + DAY / 2 + timedelta(seconds=60)


async def test_a_short_life_is_looked_after_in_time(folder, clock):
    tokens = files(clock, folder / "sales", lifetime=timedelta(seconds=8))
    tokens.write_all()
    written = (folder / "sales").stat().st_ino
    await turns(tokens, clock, lambda: (folder / "sales").stat().st_ino != written)
    assert clock() <= START + timedelta(seconds=6)


def test_whoever_has_it_open_reads_the_old_one_to_its_end(folder, clock):
    tokens = files(clock, folder / "sales")
    tokens.write_all()
    with (folder / "sales").open() as reader:
        clock.advance(DAY.total_seconds())
        tokens.refresh()
        assert reader.read() == "good until 02 12:00\n"
    assert (folder / "sales").read_text() == "good until 03 12:00\n"


def test_a_reader_meets_a_whole_token_at_every_moment(folder, clock):
    path = folder / "sales"
    tokens = files(clock, path)
    tokens.write_all()
    met: set[str] = set()
    is_over = threading.Event()

    def read() -> None:
        while not is_over.is_set():
            met.add(path.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(200):
        clock.advance(DAY.total_seconds())
        tokens.refresh()
    is_over.set()
    reader.join()
    assert met
    assert all(one.startswith("good until ") and one.endswith(":00\n") for one in met)


def test_what_stands_there_is_replaced_and_a_link_is_not_followed(folder, clock, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("of another")
    (folder / "sales").symlink_to(elsewhere)
    (folder / ".sales.new").symlink_to(elsewhere)
    files(clock, folder / "sales").write_all()
    assert not (folder / "sales").is_symlink()
    assert (folder / "sales").read_text() == "good until 02 12:00\n"
    assert elsewhere.read_text() == "of another"
    assert names(folder) == ["sales"]


def test_what_a_killed_process_left_is_in_nobodys_way(folder, clock):
    (folder / ".sales.new").write_text("half a tok")
    files(clock, folder / "sales").write_all()
    assert names(folder) == ["sales"]


def test_a_file_that_is_gone_is_written_again(folder, clock):
    tokens = files(clock, folder / "sales")
    tokens.write_all()
    (folder / "sales").unlink()
    tokens.refresh()
    assert (folder / "sales").exists()


def test_a_clock_that_was_set_back_makes_it_due(folder, clock):
    tokens = files(clock, folder / "sales")
    tokens.write_all()
    clock.advance(-3600)
    tokens.refresh()
    assert (folder / "sales").read_text() == "good until 02 11:00\n"


def no_folder(folder: Path) -> Path:
    return folder / "absent" / "token"


def everybodys(folder: Path) -> Path:
    folder.chmod(0o777)
    return folder / "token"


def everybodys_with_sticky_bit(folder: Path) -> Path:
    folder.chmod(0o1777)
    return folder / "token"


def through_a_link(folder: Path) -> Path:
    (folder.parent / "link").symlink_to(folder)
    return folder.parent / "link" / "token"


def in_a_file(folder: Path) -> Path:
    (folder / "file").write_text("")
    return folder / "file" / "token"


def on_a_folder(folder: Path) -> Path:
    (folder / "token").mkdir()
    return folder / "token"


PLACES = {
    no_folder: "cannot be used (no such file or directory)",
    everybodys: "everybody may write into the folder",
    everybodys_with_sticky_bit: "everybody may write into the folder",
    through_a_link: "is a symbolic link: name the folder itself",
    in_a_file: "is not a folder",
    on_a_folder: "is a directory",
}


@pytest.mark.parametrize(("place", "because"), PLACES.items(), ids=lambda one: getattr(one, "__name__", ""))
def test_where_no_token_can_be_written_the_start_fails_and_says_why(folder, clock, place, because):
    path = place(folder)
    with pytest.raises(ConfigError, match=r"session_token_file of `token`: ") as caught:
        files(clock, path).write_all()
    assert because in str(caught.value)
    assert not path.is_file()


def test_one_that_cannot_be_replaced_is_told_of_once_until_it_can(folder, clock):
    tokens = files(clock, folder / "sales", folder / "stock")
    tokens.write_all()
    clock.advance(DAY.total_seconds())
    folder.chmod(0o777)
    with capture_logs() as lines:
        tokens.refresh()
        tokens.refresh()
    assert [(line["event"], line["content"]) for line in lines] == [
        ("session token file cannot be written", "sales"), ("session token file cannot be written", "stock"),
    ]  # fmt: skip
    assert "good until" not in str(lines)
    folder.chmod(0o700)
    tokens.refresh()
    assert (folder / "sales").read_text() == "good until 03 12:00\n"
    clock.advance(DAY.total_seconds())
    folder.chmod(0o777)
    with capture_logs() as lines:
        tokens.refresh()
    assert len(lines) == 2


async def test_without_files_there_is_nothing_to_do(clock):
    tokens = files(clock)
    tokens.write_all()
    await tokens.follow(sleep=clock.sleep)
    assert clock.slept == []
