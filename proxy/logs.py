"""Structured logs: one line per event on standard error, JSON unless a person watches.

The message is a constant; facts are fields. Records of libraries pass through the same renderer. Tracebacks name lines,
never the values that were around: those may be secrets.
"""

from __future__ import annotations

import logging
import sys
import traceback

import structlog

_MAX_FIELD_CHARS = 500
_MAX_EXCEPTION_CHARS = 8000


def configure_logs(*, json: bool | None = None) -> None:
    """Set up logging for this process; ``json=None``: JSON unless standard error is a terminal."""
    as_json = not sys.stderr.isatty() if json is None else json
    renderers: list[structlog.typing.Processor] = (
        [structlog.processors.JSONRenderer()] if as_json else [_escape, structlog.dev.ConsoleRenderer()]
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_quotes,
        structlog.processors.format_exc_info,  # before any renderer could show more of it
        _shorten,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)


def _without_quotes(
    _logger: structlog.typing.WrappedLogger, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Keep what aiohttp says of a malformed message from quoting it: the line may hold a key, a cookie or a code."""
    info = event.get("exc_info")
    if str(event.get("logger", "")).startswith("aiohttp") and isinstance(info, tuple) and info[0] is not None:
        del event["exc_info"]
        event["exception"] = "".join([*traceback.format_tb(info[2]), info[0].__name__])
    return event


def _shorten(
    _logger: structlog.typing.WrappedLogger, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Keep one value from filling the log."""
    for key, value in event.items():
        if key == "exception":
            event[key] = _without_middle(str(value))
        elif not key.startswith("_") and not isinstance(value, int | float | None):
            text = value if isinstance(value, str) else repr(value)
            if len(text) > _MAX_FIELD_CHARS:
                event[key] = text[:_MAX_FIELD_CHARS] + "…"
    return event


def _without_middle(traceback: str) -> str:
    """Cut a traceback where it says least: its first lines tell where it began, its last ones what happened."""
    half = _MAX_EXCEPTION_CHARS // 2
    return traceback if len(traceback) <= 2 * half else f"{traceback[:half]}\n…\n{traceback[-half:]}"


def _escape(
    _logger: structlog.typing.WrappedLogger, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Let no value move a terminal's cursor or begin a line; in JSON the renderer sees to it."""
    for key, value in event.items():
        if isinstance(value, str):
            kept = "\n" if key == "exception" else ""
            event[key] = "".join(
                char if char.isprintable() or char in kept else char.encode("unicode_escape").decode("ascii")
                for char in value
            )
    return event
