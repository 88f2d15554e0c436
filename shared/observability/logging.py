"""Structured logs: one event per line, key and value, ids only; JSON in production, colours on a terminal.

No line holds what anybody sent. Of errors only their kind and place is told; level DEBUG tells their words too, and is
for machines that have nobody's data.
"""

import logging
import sys
import threading
from types import TracebackType
from typing import Any

import structlog
from opentelemetry import trace

from shared.observability.tracebacks import lines, plain

# They tell of every attempt to reach what is away.
_TALKATIVE = ("aiokafka", "opentelemetry", "urllib3")
# What asyncio, uvicorn and other libraries say of an error goes on with the error itself, in its own words.
_QUOTES = ("asyncio", "uvicorn.error")


def _trace_ids(_: Any, __: str, entry: structlog.types.EventDict) -> structlog.types.EventDict:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        entry["trace_id"] = format(context.trace_id, "032x")
        entry["span_id"] = format(context.span_id, "016x")
    return entry


class _Errors:
    """Writes the error of a line without its words, or with them for a developer."""

    def __init__(self, *, with_words: bool, as_text: bool) -> None:
        self._with_words = with_words
        self._as_text = as_text

    def __call__(self, _: Any, __: str, entry: structlog.types.EventDict) -> structlog.types.EventDict:
        info = entry.pop("exc_info", None)
        error = sys.exc_info()[1] if info is True else info[1] if isinstance(info, tuple) else info
        if isinstance(error, BaseException):
            found = plain(error, with_words=self._with_words)
            entry["exception"] = lines(found) if self._as_text else found
        return entry


class FirstLine(logging.Filter):
    """Of what a library says about an error, keeps the sentence and leaves out the error's own words after it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true; the record is shortened."""
        if record.name in _QUOTES and record.levelno >= logging.WARNING:
            # A callback is named with its arguments: "Exception in callback send('…')".
            record.msg, record.args = record.getMessage().partition("\n")[0].partition("(")[0].rstrip(), ()
        return True


class Sparingly(logging.Filter):
    """Lets each message of the drivers of others through once in `seconds`, with how many were left out since.

    Kafka's reports every attempt of every connection: with a broker away, hundreds of lines a second.
    """

    def __init__(self, seconds: float = 10.0) -> None:
        super().__init__()
        self._seconds = seconds
        self._seen: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write this one."""
        if not record.name.startswith(_TALKATIVE):
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
    errors = _Errors(with_words=level == "DEBUG", as_text=console)
    last: list[structlog.types.Processor] = (
        [errors, structlog.dev.ConsoleRenderer()] if console else [errors, structlog.processors.JSONRenderer()]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    handler.addFilter(Sparingly())
    if level != "DEBUG":
        handler.addFilter(FirstLine())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # Request lines carry paths with ids, and drivers narrate every reconnection.
    for name in ("uvicorn.access", "aiokafka", "alembic", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


def own_process() -> None:
    """Log what would else be printed as it is: warnings, and errors that nobody caught, in any thread."""
    logging.captureWarnings(True)
    log = logger("process")

    def fallen(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        log.critical("process_fell", exc_info=(kind, error, trace))

    def thread_fallen(args: threading.ExceptHookArgs) -> None:
        log.error("thread_fell", exc_info=args.exc_value)

    def ignored(args: Any) -> None:
        log.error("error_ignored", exc_info=args.exc_value)

    sys.excepthook, threading.excepthook, sys.unraisablehook = fallen, thread_fallen, ignored


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger for a module."""
    bound: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return bound
