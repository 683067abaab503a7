"""Structured logs: one line per event on standard error, JSON unless a person watches.

The message is a constant; facts are fields. Records of libraries pass through the same renderer.
"""

from __future__ import annotations

import logging
import sys

import structlog

_MAX_FIELD_CHARS = 500


def configure_logs(*, json: bool | None = None) -> None:
    """Set up logging for this process; ``json=None``: JSON unless standard error is a terminal."""
    as_json = not sys.stderr.isatty() if json is None else json
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
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
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)


def _shorten(
    _logger: structlog.typing.WrappedLogger, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Keep one value from filling the log; control characters are the renderer's business (JSON and repr escape them)."""
    for key, value in event.items():
        if isinstance(value, str) and len(value) > _MAX_FIELD_CHARS and key != "exception":
            event[key] = value[:_MAX_FIELD_CHARS] + "…"
    return event
