"""The AsyncAPI 3 document of Kafka: `python -m shared.contracts.asyncapi` writes it from the contracts, `--check` compares.

It is one file that stands alone, so that any tool reads it without resolving files: the JSON Schemas of the models are in it as
components. Topics, who sends and who receives come from the table of topics; examples are the bytes that ingest would write.
https://www.asyncapi.com/docs/reference/specification/v3.0.0, Kafka bindings 0.5.0.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from shared.contracts.decoding import admit, encode
from shared.contracts.envelope import CONTENT_TYPE, Envelope
from shared.contracts.examples import EXAMPLES
from shared.contracts.registry import EVENT_TYPES, EventType
from shared.contracts.topics import (
    ACCESS,
    ALERTS_EVENTS,
    CASES_EVENTS,
    CUSTOMERS_EVENTS,
    FEEDBACK_BACKFILL,
    FEEDBACK_EVENTS,
    METRICS_UPDATED,
    SERIES_WANTED,
    SURVEYS_REQUESTS,
    TEXT_ANALYSED,
    TOPICS,
    Topic,
    dead_topic,
)

DOCUMENT = Path(__file__).parent / "asyncapi.json"
BINDING = "0.5.0"
EXAMPLE_RECEIVED = datetime(2026, 3, 1, 9, 30, 1, tzinfo=UTC)
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
DEAD_LETTER = "dead_letter"
_FEEDBACK_KEY = "tenant:customer; tenant:event id when the customer is not known"
KEYS = {
    FEEDBACK_EVENTS: _FEEDBACK_KEY,
    FEEDBACK_BACKFILL: _FEEDBACK_KEY,
    TEXT_ANALYSED: "as the source event's",
    CUSTOMERS_EVENTS: "tenant:customer",
    METRICS_UPDATED: "tenant:series",
    SERIES_WANTED: "tenant:series",
    CASES_EVENTS: "tenant:case",
    SURVEYS_REQUESTS: "tenant:customer",
    ALERTS_EVENTS: "tenant:alert",
    ACCESS: "kind:id",
}
"""What the key of a record is, by topic."""

Json = dict[str, Any]


def generate() -> str:
    """The document's text. The same contracts give the same bytes."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def document() -> Json:
    """The document."""
    models = {kind.data for kind in EVENT_TYPES.values()} | {Envelope}
    ordered = [(model, "validation") for model in sorted(models, key=lambda model: model.__name__)]
    names, schemas = models_json_schema(ordered, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    data_refs = {model: names[model, "validation"] for model in models}
    messages = {name: _message(kind, data_refs[Envelope], data_refs[kind.data]) for name, kind in sorted(EVENT_TYPES.items())}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Hearback events",
            "version": "1",
            "description": "Every topic of Hearback: what customers say, what becomes of it, and who is told. Records are structured "
            "CloudEvents 1.0. They are delivered at least once: an event is (tenant, source, id), and a reader that has seen it with "
            "the same or a higher data.revision changes nothing. Unknown fields are to be passed over; new versions only add fields.",
        },
        "defaultContentType": CONTENT_TYPE[1].decode(),
        "channels": {topic.name: _channel(topic) for topic in TOPICS.values()},
        "operations": {id: operation for topic in TOPICS.values() for id, operation in _operations(topic)},
        "components": {
            "schemas": schemas["$defs"],
            "messages": {**messages, DEAD_LETTER: _dead_letter()},
        },
    }


def _message(kind: EventType, envelope: Json, data: Json) -> Json:
    message: Json = {
        "name": kind.name,
        "title": kind.name,
        "contentType": CONTENT_TYPE[1].decode(),
        "headers": _headers(),
        "payload": {"allOf": [envelope, {"type": "object", "properties": {"type": {"const": kind.name}, "data": data}}]},
        "bindings": {"kafka": {"key": {"type": "string", "description": KEYS[kind.topics[0]]}, "bindingVersion": BINDING}},
    }
    if kind.name in EXAMPLES:
        headers = {CONTENT_TYPE[0]: CONTENT_TYPE[1].decode(), "traceparent": TRACEPARENT}
        message["examples"] = [{"name": kind.name, "headers": headers, "payload": example(kind.name)}]
    return message


def example(name: str) -> Json:
    """The record that ingest makes of the example of a type."""
    submitted = EXAMPLES[name]
    accepted = admit(json.dumps(submitted).encode(), EXAMPLE_RECEIVED)
    written = encode(accepted, id=submitted["id"], source=submitted["source"], tenant="acme", receivedat=EXAMPLE_RECEIVED)
    return dict(json.loads(written))


def _headers() -> Json:
    return {
        "type": "object",
        "required": [CONTENT_TYPE[0]],
        "properties": {
            CONTENT_TYPE[0]: {"const": CONTENT_TYPE[1].decode(), "description": "CloudEvents' Kafka binding, structured mode"},
            "traceparent": {
                "type": "string",
                "pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
                "description": "W3C Trace Context of what the event came from",
            },
            "hearback-only": {
                "type": "string",
                "description": "on a replayed dead letter: the one consumer group it is for; every other passes it over",
            },
            "hearback-attempt": {"type": "string", "pattern": "^[0-9]+$", "description": "on a replayed dead letter: how often it failed"},
        },
    }


def _dead_letter() -> Json:
    told = {
        "hearback-consumer": "the consumer group that could not process it",
        "hearback-error": "why, without content",
        "hearback-source-topic": "where it came from",
        "hearback-source-partition": "its partition there",
        "hearback-source-offset": "its offset there",
        "hearback-attempt": "how often it failed",
    }
    return {
        "name": DEAD_LETTER,
        "title": "A record that a consumer can never process, set aside",
        "contentType": "application/octet-stream",
        "headers": {
            "type": "object",
            "required": list(told),
            "properties": {name: {"type": "string", "description": text} for name, text in told.items()},
            "description": "beside the headers that the record had",
        },
        "payload": {"description": "the original bytes, whatever they are"},
        "bindings": {"kafka": {"key": {"description": "as the source record's"}, "bindingVersion": BINDING}},
    }


def _messages_of(topic: Topic) -> list[str]:
    carried = [name for name, kind in sorted(EVENT_TYPES.items()) if topic.name in kind.topics]
    return carried or [DEAD_LETTER]


def _channel(topic: Topic) -> Json:
    kept = "the last record of every key" if topic.retention_days is None else f"{topic.retention_days} days"
    told = topic.configuration()
    configuration: Json = {
        "cleanup.policy": [told["cleanup.policy"]],
        "max.message.bytes": int(told["max.message.bytes"]),
        "message.timestamp.type": told["message.timestamp.type"],
    }
    if "retention.ms" in told:
        configuration["retention.ms"] = int(told["retention.ms"])
    channel: Json = {
        "address": topic.name,
        "description": f"Kept: {kept}. Written by {topic.written_by.replace(' ', ', ')}; read by {', '.join(topic.read_by)}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _messages_of(topic)},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": configuration,
                "bindingVersion": BINDING,
            }
        },
    }
    if topic.dead:
        channel["x-dead-letters"] = dead_topic(topic.name)
    return channel


def _operations(topic: Topic) -> list[tuple[str, Json]]:
    who = [*(("send", writer) for writer in topic.written_by.split()), *(("receive", reader) for reader in topic.read_by)]
    messages = [{"$ref": f"#/channels/{topic.name}/messages/{name}"} for name in _messages_of(topic)]
    return [
        (
            f"{service}.{action}.{topic.name}",
            {"action": action, "channel": {"$ref": f"#/channels/{topic.name}"}, "tags": [{"name": service}], "messages": messages},
        )
        for action, service in who
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 1 when the committed document is not that of the contracts."""
    parser = argparse.ArgumentParser(prog="python -m shared.contracts.asyncapi", description="Generate or check the AsyncAPI document.")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    parser.add_argument("--file", type=Path, default=DOCUMENT, help="where the document is")
    chosen = parser.parse_args(arguments)
    if not chosen.check:
        chosen.file.write_text(generate(), encoding="utf-8")
        return 0
    if chosen.file.is_file() and chosen.file.read_text(encoding="utf-8") == generate():
        return 0
    sys.stderr.write(f"{chosen.file.name}: differs from the contracts; run python -m shared.contracts.asyncapi and commit it\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
