"""The AsyncAPI document: AsyncAPI's own schema takes it, everything it refers to is there, and it says what the contracts say.

`asyncapi-3.0.0.json` is AsyncAPI's JSON Schema of version 3.0.0 (schemas/3.0.0-without-$id.json of the npm package @asyncapi/specs
6.11.1, Apache License 2.0, Copyright The AsyncAPI Initiative, https://github.com/asyncapi/spec-json-schemas), without its white space.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from shared.contracts import asyncapi, schemas
from shared.contracts.decoding import decode
from shared.contracts.examples import EXAMPLES
from shared.contracts.registry import EVENT_TYPES
from shared.contracts.topics import TOPICS

OFFICIAL = json.loads((Path(__file__).parent / "asyncapi-3.0.0.json").read_text(encoding="utf-8"))
DOCUMENT: dict[str, Any] = json.loads(asyncapi.DOCUMENT.read_text(encoding="utf-8"))


def resolved(reference: str) -> Any:
    """What a reference inside the document leads to; KeyError when nothing is there."""
    assert reference.startswith("#/"), "the document stands alone"
    found: Any = DOCUMENT
    for part in reference[2:].split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found


def references(node: Any) -> Iterator[str]:
    """Every `$ref` below a node."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if key == "$ref" and isinstance(value, str):
            yield value
        else:
            yield from references(value)


def expanded(node: Any, root: dict[str, Any]) -> Any:
    """A schema with its references put in, so that two that say the same are equal."""
    if isinstance(node, list):
        return [expanded(one, root) for one in node]
    if not isinstance(node, dict):
        return node
    own = {key: expanded(value, root) for key, value in node.items() if key not in ("$ref", "$defs", "$schema", "title")}
    if "$ref" not in node:
        return own
    found: Any = root
    for part in node["$ref"][2:].split("/"):
        found = found[part]
    return {**expanded(found, root), **own}


def payload_schema(name: str) -> dict[str, Any]:
    """The payload of a message, with the components that it refers to."""
    return {**DOCUMENT["components"]["messages"][name]["payload"], "components": DOCUMENT["components"]}


def test_the_official_schema_takes_the_document() -> None:
    validator = jsonschema.Draft7Validator(OFFICIAL)

    wrong = [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}" for error in validator.iter_errors(DOCUMENT)]

    assert wrong == []


def test_the_official_schema_refuses_a_document_without_an_action() -> None:
    spoilt = json.loads(json.dumps(DOCUMENT))
    next(iter(spoilt["operations"].values())).pop("action")

    assert not jsonschema.Draft7Validator(OFFICIAL).is_valid(spoilt)


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))

    assert len(found) > len(TOPICS)
    for reference in found:
        assert resolved(reference)


def test_the_committed_document_is_that_of_the_contracts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = tmp_path / "asyncapi.json"
    old.write_text(asyncapi.generate().replace("feedback.events.v1", "feedback.events.v0"), encoding="utf-8")

    assert asyncapi.main(["--check"]) == 0
    assert asyncapi.main(["--check", "--file", str(old)]) == 1
    assert "run python -m shared.contracts.asyncapi" in capsys.readouterr().err
    assert asyncapi.main(["--file", str(old)]) == 0
    assert asyncapi.main(["--check", "--file", str(old)]) == 0


def test_channels_are_the_topics_with_their_partitions_and_retention() -> None:
    assert DOCUMENT["channels"].keys() == TOPICS.keys()
    for name, topic in TOPICS.items():
        channel = DOCUMENT["channels"][name]
        binding = channel["bindings"]["kafka"]
        told = {key: ",".join(value) if isinstance(value, list) else str(value) for key, value in binding["topicConfiguration"].items()}
        assert (channel["address"], binding["partitions"], told) == (name, topic.partitions, topic.configuration())


def test_every_event_type_is_a_message_of_its_topics_and_of_no_other() -> None:
    live = {name: channel["messages"].keys() for name, channel in DOCUMENT["channels"].items() if not name.endswith(".dead")}

    for name, kind in EVENT_TYPES.items():
        assert {topic for topic, messages in live.items() if name in messages} == set(kind.topics)
    for name, topic in TOPICS.items():
        if topic.dead:
            assert list(DOCUMENT["channels"][f"{name}.dead"]["messages"]) == [asyncapi.DEAD_LETTER]


def test_operations_are_who_writes_and_who_reads_by_the_table() -> None:
    told = {
        (operation["action"], resolved(operation["channel"]["$ref"])["address"], operation["tags"][0]["name"])
        for operation in DOCUMENT["operations"].values()
    }

    assert told == {
        *(("send", name, writer) for name, topic in TOPICS.items() for writer in topic.written_by.split()),
        *(("receive", name, reader) for name, topic in TOPICS.items() for reader in topic.read_by),
    }


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_the_data_of_a_message_are_described_as_in_the_committed_schema(name: str) -> None:
    committed = json.loads((schemas.DIRECTORY / f"{name}.json").read_text(encoding="utf-8"))
    envelope = json.loads((schemas.DIRECTORY / "envelope.json").read_text(encoding="utf-8"))
    around, inside = DOCUMENT["components"]["messages"][name]["payload"]["allOf"]

    assert inside["properties"]["type"] == {"const": name}
    assert expanded(inside["properties"]["data"], DOCUMENT) == expanded(committed, committed)
    assert expanded(around, DOCUMENT) == expanded(envelope, envelope)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_a_record_that_its_own_schema_and_our_readers_take(name: str) -> None:
    [example] = DOCUMENT["components"]["messages"][name]["examples"]
    schema = payload_schema(name)
    spoilt = {**example["payload"], "data": {**example["payload"]["data"], "channel": 1}}

    jsonschema.validate(example["payload"], schema)
    jsonschema.validate(example["headers"], DOCUMENT["components"]["messages"][name]["headers"])
    assert not jsonschema.Draft202012Validator(schema).is_valid(spoilt)
    assert decode(json.dumps(example["payload"]).encode()).type == name
