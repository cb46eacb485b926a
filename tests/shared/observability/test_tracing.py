"""A trace is carried on whether or not anybody records it."""

import os
import subprocess
import sys

import pytest

from shared.errors import ConfigurationError
from shared.observability.export import traces_of
from shared.observability.tracing import Span, current_traceparent, is_sampled, recording, serving, span, traceparent_from, worth_following

SAMPLED = f"00-{'a' * 32}-{'b' * 16}-01".encode()
UNSAMPLED = f"00-{'c' * 32}-{'d' * 16}-00".encode()
SERVE = """
import sys
import services.ingest.main
from shared.observability.export import traces_of
from shared.observability.tracing import recording
with traces_of("ingest", 20.0):
    print(recording(), [name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))])
"""


@pytest.mark.parametrize(
    ("context", "sampled"),
    [
        (SAMPLED, True),
        (SAMPLED[:-2] + b"03", True),
        (UNSAMPLED, False),
        (SAMPLED.upper(), False),
        (b"00-" + b"0" * 32 + SAMPLED[35:], False),
        (b"ff" + SAMPLED[2:], False),
        (b"1", False),
        (b"", False),
        (None, False),
    ],
)
def test_only_a_trace_context_whose_last_bit_is_set_is_sampled(context: bytes | None, sampled: bool) -> None:
    assert is_sampled(context) is sampled


def test_a_request_without_a_trace_begins_one_that_nobody_records() -> None:
    one, other = traceparent_from(None), traceparent_from(b"nonsense")

    assert one != other
    assert (is_sampled(one), one[-3:]) == (False, b"-00")
    assert traceparent_from(one) == one


def test_where_nothing_is_recorded_the_context_is_carried_on_as_it_is() -> None:
    with serving("POST", SAMPLED) as request, span("work", "consumer", [None, UNSAMPLED, SAMPLED], {}) as work:
        inside = current_traceparent.get()

    assert request.traceparent == SAMPLED
    assert inside == work.traceparent == UNSAMPLED
    assert work.carries(SAMPLED) == SAMPLED
    assert current_traceparent.get() is None


@pytest.mark.parametrize(("context", "stored"), [(SAMPLED, SAMPLED.decode()), (UNSAMPLED, None), (b"00-1", None), (None, None)])
def test_only_a_recorded_trace_is_worth_storing(context: bytes | None, stored: str | None) -> None:
    with Span(context):
        assert worth_following() == stored


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_without_a_collector_or_when_forbidden_nothing_is_recorded(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with traces_of("ingest", 20.0):
        on = recording()

    assert not on


def test_a_process_that_records_nothing_does_not_load_the_sdk() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}

    said = subprocess.run([sys.executable, "-c", SERVE], env=environment, capture_output=True, text=True, check=True)

    assert said.stdout.split() == ["False", "[]"]


def test_a_protocol_that_is_not_built_in_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")

    with pytest.raises(ConfigurationError, match="OTEL_EXPORTER_OTLP_PROTOCOL"), traces_of("ingest", 20.0):
        pass


def test_a_variable_that_cannot_be_read_ends_the_start_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")

    with pytest.raises(ConfigurationError, match="OTEL_"), traces_of("ingest", 20.0):
        pass
