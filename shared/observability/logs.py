"""structlog for the whole process. Every line has an `action`; none holds a secret or personal data."""

import logging
import sys
from traceback import format_tb
from typing import Literal

import structlog
from structlog.typing import EventDict, ExcInfo, WrappedLogger

from shared.errors import HearbackError
from shared.observability.tracing import current_traceparent

AGAIN_AFTER_SECONDS = 30.0


def _add_trace(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    traceparent = current_traceparent.get()
    if traceparent is not None:
        line["trace_id"] = traceparent[3:35].decode()
    return line


def _where(exc_info: ExcInfo) -> str:
    """Where an error came from and of which type it is, through all that it followed from.

    Only our own errors say what they say: another's text may hold what somebody sent, as a database's does.
    """
    parts: list[str] = []
    error: BaseException | None = exc_info[1]
    while error is not None:
        kind = type(error)
        said = str(error) if isinstance(error, HearbackError) else ""
        parts.insert(0, "".join([*format_tb(error.__traceback__), f"{kind.__module__}.{kind.__qualname__}", said and f": {said}"]))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n\nand then:\n".join(parts)


def configure_logs(service: str, form: Literal["json", "console"], level: str) -> None:
    """Set up structlog, and send what libraries log (from warnings on) the same way."""
    shared_steps: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
        structlog.processors.ExceptionRenderer(_where),
    ]
    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[*shared_steps, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_NotAgainSoon())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared_steps, _name_foreign_action],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _service(service), renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for ours in ("services", "shared"):
        logging.getLogger(ours).setLevel(level.upper())


class _NotAgainSoon(logging.Filter):
    """Passes what a library says once, and again only after a while: a client that reconnects says the same ten times a second."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, int], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not isinstance(record.msg, str):  # ours: structlog hands over a dictionary
            return True
        place = (record.pathname, record.lineno)
        if record.created - self._said.get(place, -AGAIN_AFTER_SECONDS) < AGAIN_AFTER_SECONDS:
            return False
        self._said[place] = record.created
        return True


def _name_foreign_action(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    line.setdefault("action", "library")
    return line


def _service(service: str) -> structlog.typing.Processor:
    def add(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
        line["service"] = service
        return line

    return add
