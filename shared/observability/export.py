"""Whether a process records traces, and for how long. Off unless the standard variables name a collector: then nothing is even imported."""

from collections.abc import Iterator
from contextlib import contextmanager

from shared.errors import ConfigurationError
from shared.observability.tracing import record_with
from shared.settings import TracingSettings, load

FLUSH_SECONDS = 2.0
"""What the last spans may add to the end of a process, at most."""


@contextmanager
def traces_of(service: str, drain_seconds: float) -> Iterator[None]:
    """Record the spans of this process meanwhile, if that is wanted, and send the last ones at its end.

    Raises ConfigurationError when they are wanted in a way that does not exist here.
    """
    wanted = load(TracingSettings)
    if not wanted.on:
        yield
        return
    if wanted.protocol != "http/protobuf":
        raise ConfigurationError("cannot start: OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf, the one protocol that is built in")
    from shared.observability.otlp import OtlpRecorder  # who records nothing does not pay for the SDK

    recorder = OtlpRecorder(service)
    record_with(recorder)
    try:
        yield
    finally:
        record_with(None)
        recorder.close(min(FLUSH_SECONDS, drain_seconds))
