"""Structured logs: one event per line, key and value, ids only; JSON in production, colours on a terminal."""

import logging
import sys
from typing import Any

import structlog
from opentelemetry import trace
from structlog.tracebacks import ExceptionDictTransformer

# Without the frames' locals, which both renderers would print: they hold bodies, names and keys.
_TRACEBACKS = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))


def _trace_ids(_: Any, __: str, entry: structlog.types.EventDict) -> structlog.types.EventDict:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        entry["trace_id"] = format(context.trace_id, "032x")
    return entry


class Sparingly(logging.Filter):
    """Lets each message of the Kafka driver through once in `seconds`, with how many were left out since.

    It reports every attempt of every connection: with a broker away, hundreds of lines a second.
    """

    def __init__(self, seconds: float = 10.0) -> None:
        super().__init__("aiokafka")
        self._seconds = seconds
        self._seen: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write this one."""
        if not super().filter(record):
            return True
        # By the text before its values are put in, of which there are few.
        text = str(record.msg)
        written_at, left_out = self._seen.get(text, (float("-inf"), 0))
        if record.created - written_at < self._seconds:
            self._seen[text] = written_at, left_out + 1
            return False
        self._seen[text] = record.created, 0
        if left_out:
            record.msg, record.args = f"{record.getMessage()} ({left_out} alike left out)", ()
        return True


def configure(*, level: str, style: str) -> None:
    """Send all logs, ours and the libraries', to stderr. `style` is `auto`, `json` or `console`."""
    console = style == "console" or (style == "auto" and sys.stderr.isatty())
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _trace_ids,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    last: list[structlog.types.Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if console
        else [_TRACEBACKS, structlog.processors.JSONRenderer()]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    handler.addFilter(Sparingly())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # Request lines carry paths with ids, and drivers narrate every reconnection.
    for name in ("uvicorn.access", "aiokafka", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger for a module."""
    bound: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return bound
