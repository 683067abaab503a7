"""What a line of the log says, and what it never says."""

import io
import json
import logging
from contextlib import redirect_stderr
from datetime import UTC, datetime

import pytest
import structlog
from aiohttp.http_exceptions import BadHttpMessage

from proxy.logs import configure_logs
from tests.unit.logging_state import logging_put_back

SECRET = "refresh-token-of-ada"


@pytest.fixture
def lines():
    """Log to memory; return what was written since, as lines."""
    written = io.StringIO()

    def configured(*, json):
        with redirect_stderr(written):
            configure_logs(json=json)
        return lambda: written.getvalue().splitlines()

    with logging_put_back():
        yield configured


@pytest.fixture
def entries(lines):
    written = lines(json=True)
    return lambda: [json.loads(line) for line in written()]


def fail(text="a secret was near"):
    token = SECRET
    raise ValueError(text if token else "")


def quote():
    raise BadHttpMessage(f"Invalid header: Authorization: Key {SECRET}") from ValueError(SECRET)


def test_a_line_carries_event_level_logger_and_an_instant_in_utc(entries):
    structlog.get_logger("flows").warning("refresh failed for now", integration="i")
    (entry,) = entries()
    stamp = datetime.fromisoformat(entry.pop("timestamp"))
    assert stamp.tzinfo == UTC
    assert entry == {"event": "refresh failed for now", "level": "warning", "logger": "flows", "integration": "i"}


def test_a_line_of_a_library_is_written_in_the_same_form(entries):
    logging.getLogger("aiohttp.server").error("Error handling %s", "request")
    (entry,) = entries()
    assert set(entry) == {"event", "level", "logger", "timestamp"}
    assert (entry["event"], entry["level"], entry["logger"]) == ("Error handling request", "error", "aiohttp.server")


def test_what_libraries_say_for_themselves_alone_is_not_written(entries):
    logging.getLogger("aiohttp.access").debug("details")
    assert entries() == []


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "terminal"])
@pytest.mark.parametrize("logger", [structlog.get_logger("ours"), logging.getLogger("theirs")], ids=["ours", "theirs"])
def test_an_exception_is_told_without_the_values_that_were_around(lines, logger, as_json):
    written = lines(json=as_json)
    try:
        fail()
    except ValueError:
        logger.exception("it failed")
    text = "\n".join(written())
    assert "in fail" in text
    assert "ValueError: a secret was near" in text
    assert SECRET not in text


def test_an_exception_stays_on_its_line(entries):
    try:
        fail()
    except ValueError:
        structlog.get_logger().exception("it failed")
    (entry,) = entries()
    assert entry["exception"].splitlines()[0] == "Traceback (most recent call last):"


def test_what_aiohttp_says_of_a_malformed_message_does_not_quote_it(lines):
    written = lines(json=True)
    try:
        quote()
    except BadHttpMessage:
        logging.getLogger("aiohttp.server").exception("Error handling request")
    (line,) = written()
    assert SECRET not in line
    told = json.loads(line)["exception"].splitlines()
    assert "test_what_aiohttp_says" in told[0]
    assert told[-1] == "BadHttpMessage"


HOSTILE = 'a\r\n{"event": "forged"}\x1b[2J\x00\x9b\u2028\u202e\ud800'


@pytest.mark.parametrize("say", [
    lambda: structlog.get_logger().info("noted", value=HOSTILE),
    lambda: structlog.get_logger().info(HOSTILE),
    lambda: structlog.get_logger().info("noted", value=[HOSTILE]),
    lambda: structlog.get_logger().info("noted", value="\x1b[2J"),
    lambda: logging.getLogger("aiohttp").warning("noted %s", HOSTILE),
], ids=["a field", "the event", "inside a list", "an escape alone", "a library's"])  # fmt: skip
@pytest.mark.parametrize("as_json", [True, False], ids=["json", "terminal"])
def test_control_characters_are_escaped(lines, say, as_json):
    written = lines(json=as_json)
    say()
    (line,) = written()
    assert line.isprintable() or not as_json
    # The colours of a terminal are ours: what else would move its cursor or start a line is not there.
    assert not set("\r\x00\x9b\u2028\u202e\ud800") & set(line)
    assert "\x1b[2J" not in line


def test_an_exception_cannot_move_the_cursor(lines):
    written = lines(json=False)
    try:
        fail("a\x1b[2J\x00")
    except ValueError:
        structlog.get_logger().exception("it failed")
    assert "\x1b[2J" not in "\n".join(written())


@pytest.mark.parametrize(
    "value", ["x" * 10_000, b"x" * 10_000, ["x" * 10_000], {"k": "x" * 10_000}],
    ids=["text", "bytes", "list", "mapping"],
)  # fmt: skip
@pytest.mark.parametrize("as_json", [True, False], ids=["json", "terminal"])
def test_a_long_value_is_cut(lines, value, as_json):
    written = lines(json=as_json)
    structlog.get_logger().info("noted", value=value)
    (line,) = written()
    assert len(line) < 800
    assert "…" in line or "\\u2026" in line


def test_a_long_exception_is_cut_in_its_middle(entries):
    """The first frames say where it came in, the last lines what happened."""
    try:
        fail("x" * 100_000)
    except ValueError:
        structlog.get_logger().exception("it failed")
    (entry,) = entries()
    assert len(entry["exception"]) < 20_000
    assert entry["exception"].startswith("Traceback")
    assert entry["exception"].endswith("x")


def test_short_values_stay_what_they_are(entries):
    structlog.get_logger().info("noted", count=3, ratio=0.5, is_new=True, nothing=None, names=["a"])
    (entry,) = entries()
    assert (entry["count"], entry["ratio"], entry["is_new"], entry["nothing"]) == (3, 0.5, True, None)
    assert entry["names"] == ["a"]
