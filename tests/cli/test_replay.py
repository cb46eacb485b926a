"""A file of history as events: what each row of an open data set says, and ids that make a second replay harmless."""

import gzip
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.open_data import SF311, sf311
from services.cli.replay import Result
from services.cli.replay_file import Reading, read_events
from services.simulator.posting import Outcome, Refusal
from shared.contracts.decoding import admit
from shared.errors import ConfigurationError

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ROW = {
    "unique_key": "6078653",
    "created_date": "2016-07-13 15:11:07+00:00",
    "closed_date": "2016-07-14 12:13:22+00:00",
    "status": "Closed",
    "agency_name": "PUC Sewer Ops",
    "category": "Sewer Issues",
    "complaint_type": "Odor",
    "descriptor": "Odor From_catch_basin",
    "neighborhood": "",
    "source": "Web",
}


def row(**changed: str) -> Mapping[str, str]:
    """The first row of the data set, with these fields instead."""
    return {**ROW, **changed}


def test_a_closed_case_is_a_complaint_when_it_opens_and_an_interaction_when_it_closes() -> None:
    raised, completed = sf311(row()).events

    common = {"channel": "web", "interaction_id": "6078653", "team": "PUC Sewer Ops", "category": "Sewer Issues"}
    assert raised == {
        "specversion": "1.0", "id": "6078653", "source": "/sf311", "type": "feedback.complaint_raised.v1",
        "time": "2016-07-13T15:11:07+00:00", "data": {**common, "text": "Sewer Issues, Odor, Odor From catch basin"},
    }  # fmt: skip
    assert completed == {
        "specversion": "1.0", "id": "6078653-closed", "source": "/sf311", "type": "interaction.completed.v1",
        "time": "2016-07-14T12:13:22+00:00", "data": {**common, "direction": "inbound"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "types", "irregular"),
    [
        ({"status": "Open", "closed_date": ""}, ["feedback.complaint_raised.v1"], None),
        ({"closed_date": "2016-07-13 15:11:07+00:00"}, ["feedback.complaint_raised.v1", "interaction.completed.v1"], None),
        ({"closed_date": "2016-07-13 15:11:06+00:00"}, ["feedback.complaint_raised.v1"], "closes before it opens"),
        ({"closed_date": ""}, ["feedback.complaint_raised.v1"], "is closed without a date"),
        ({"descriptor": "401_Employee_Commendation"}, ["feedback.comment_posted.v1", "interaction.completed.v1"], None),
        ({"created_date": "1999-12-31 23:59:59+00:00"}, [], "was opened before 2000"),
        ({"created_date": "2000-01-01 00:00:00+00:00", "status": "Open"}, ["feedback.complaint_raised.v1"], None),
        ({"unique_key": " "}, [], "has no key or no date of opening"),
    ],
)
def test_what_a_row_gives(changed: dict[str, str], types: list[str], irregular: str | None) -> None:
    mapped = sf311(row(**changed))

    assert ([event["type"] for event in mapped.events], mapped.irregular) == (types, irregular)


@pytest.mark.parametrize(
    ("source", "channel"),
    [("Phone", "phone"), ("Voice In", "phone"), ("Mobile/Open311", "app"), ("Open311", "app"), ("e-mail In", "email"), ("Email", "email"),
     ("Twitter", "social"), ("Web Self Service", "web"), ("Integrated Agency", "other"), ("", "other")],
)  # fmt: skip
def test_the_channel_is_the_way_the_case_came_in(source: str, channel: str) -> None:
    assert {event["data"]["channel"] for event in sf311(row(source=source)).events} == {channel}


def test_a_time_with_another_offset_becomes_utc() -> None:
    (raised, _) = sf311(row(created_date="2016-07-13 08:11:07-07:00")).events

    assert raised["time"] == "2016-07-13T15:11:07+00:00"


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)


@given(given=st.fixed_dictionaries(dict.fromkeys(("category", "complaint_type", "descriptor", "neighborhood", "source", "status"), texts)))
def test_whatever_a_row_says_the_edge_takes_its_events(given: dict[str, str]) -> None:
    for event in sf311(row(**given)).events:
        admit(json.dumps({**event, "backfill": True}).encode(), NOW)


def written(path: Path, content: str, packed: bool = False) -> Path:
    """The file, with this content."""
    path.write_bytes(gzip.compress(content.encode()) if packed else content.encode())
    return path


def read(path: Path) -> tuple[list[dict[str, Any]], Reading]:
    """All events of the file."""
    reading = Reading()
    return [json.loads(event) for event in read_events(path, reading)], reading


@pytest.mark.parametrize("packed", [False, True])
def test_a_data_set_is_known_by_its_header_whatever_its_name(tmp_path: Path, packed: bool) -> None:
    names = [*sorted(SF311.columns), "something_else"]
    rows = [
        row(unique_key="1"),
        row(unique_key="2", closed_date="2001-01-01 00:00:00+00:00"),
        row(unique_key="3", created_date="yesterday"),
    ]
    lines = [",".join(names), *(",".join(f'"{each.get(name, "")}"' for name in names) for each in rows)]

    events, reading = read(written(tmp_path / "download", "\n".join(lines), packed))

    assert [event["id"] for event in events] == ["1", "1-closed", "2"]
    assert all(event["backfill"] is True for event in events)
    assert (reading.rows, reading.irregular, reading.left_out) == (
        3, {"closes before it opens": 1}, {"has a date that cannot be read": 1},
    )  # fmt: skip


def test_events_keep_their_ids_and_those_without_one_get_the_same_one_each_time(tmp_path: Path) -> None:
    mine = {"type": "t", "time": "2020-01-01T00:00:00Z", "id": "a", "source": "/crm", "data": {"channel": "web"}, "backfill": False}
    nameless = {"type": "t", "time": "2020-01-01T00:00:00Z", "data": {"channel": "web"}}
    lines = [json.dumps(mine), "", json.dumps(nameless), json.dumps(nameless), "[1]", "{", json.dumps({**nameless, "id": "b"})]
    file = written(tmp_path / "events.ndjson", "\n".join(lines))

    (first, reading), (second, _) = read(file), read(file)

    assert first == second
    assert first[0] == {**mine, "backfill": True}
    assert len({(event["source"], event["id"]) for event in first}) == 4
    assert (first[3]["source"], first[3]["id"]) == ("/replay", "b")
    assert (reading.rows, reading.left_out) == (6, {"is no JSON object": 2})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"Unique Key,Created Date\n1,2\n", "neither one event as JSON a line nor a data set that is known by its header"),
        (b"", "neither one event"),
        (gzip.compress(json.dumps(ROW).encode() * 50)[:-20], "is no whole gzip file"),
        (b"\x1f\x8bnot packed at all", "is no whole gzip file"),
        (b"\xff\xfe{}", "is not UTF-8 text"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_one_line(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "history"
    file.write_bytes(content)

    with pytest.raises(ConfigurationError, match=says):
        read(file)


def test_the_end_tells_what_was_read_taken_and_refused_and_why() -> None:
    result = Result(Reading(rows=2000))
    result.reading.irregular["closes before it opens"] += 17
    result.add(Outcome(1500, 100))
    result.add(Outcome(480, 0, [Refusal(place, None, "time: too early") for place in range(15)] + [Refusal(3, "x", "data.text: required")]))

    assert list(result.lines()) == [
        "read 2,000 rows",
        "irregular, taken without what is wrong: 17 rows, each closes before it opens",
        "accepted 1,980 events (100 of them known from before), refused 16",
        "refused 15: time: too early",
        "refused 1: data.text: required",
    ]
