"""read = accepted + duplicate + refused, whatever the rows are, and wherever an import is broken off and gone on with."""

import tempfile
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from services.ingest.imports.cells import Row
from services.ingest.imports.interpreting import Interpreter
from services.ingest.imports.known_rows import KnownRows
from services.ingest.imports.mapping import Mapping
from services.ingest.imports.sorting import SAME_ID, Batch, Sorter
from services.ingest.intake import Intake
from services.ingest.metrics import IngestMetrics
from services.ingest.personal.policy import NO_POLICIES
from services.ingest.settings import IngestSettings
from tests.ingest.partitions import Partitions

NOW = datetime(2026, 11, 22, tzinfo=UTC)
COLUMNS = ["id", "date", "text", "revision"]
RULES = {"time": {"column": "date"}, "text": {"column": "text"}, "channel": {"constant": "mail"}}
BY_ID = {**RULES, "id": {"column": "id"}, "revision": {"column": "revision", "otherwise": 1}}
CELLS = st.sampled_from(["", "a", "b", "\x00", "\ud800", "2025-01-02", "1", "2", "x" * 60_000])
IDS, DATES, REVISIONS = (st.sampled_from(words) for words in (["a", "b", ""], ["2025-01-02", "week 7"], ["", "1", "2", "no"]))
ROWS = st.lists(st.tuples(IDS, DATES, CELLS, REVISIONS), max_size=30)


def sorter(known: KnownRows, fields: dict[str, object] = BY_ID) -> Sorter:
    settings = IngestSettings(database_url=SecretStr("unused"))
    intake = Intake(settings, Partitions(), IngestMetrics(CollectorRegistry()), NO_POLICIES)  # type: ignore[arg-type]
    mapping = Mapping.model_validate({"type": "feedback.complaint_raised.v1", "fields": fields})
    return Sorter("acme", "/imports/x", Interpreter(mapping, COLUMNS, ZoneInfo("UTC"), backfill=True), known, intake)


def sort(rows: Sequence[Sequence[str]], begin: int, fields: dict[str, object] = BY_ID) -> Batch:
    """The rows from `begin` on, by one who passes over those before."""
    batch = Batch()
    with tempfile.TemporaryDirectory() as folder, closing(KnownRows(Path(folder) / "known")) as known:
        sorting = sorter(known, fields)
        for position, cells in enumerate(rows, start=1):
            row = Row(position + 1, cells, "is broken" if cells[2] == "b" else None)
            if position > begin:
                sorting.take(batch, row, position, NOW)
            else:
                sorting.pass_over(row)
    return batch


@given(ROWS, st.data())
def test_every_row_is_one_of_three_and_the_same_one_after_a_break(rows: list[tuple[str, ...]], data: st.DataObject) -> None:
    broken_at = data.draw(st.integers(0, len(rows)))

    whole, first, rest = sort(rows, 0), sort(rows[:broken_at], 0), sort(rows, broken_at)

    for batch, count in ((whole, len(rows)), (first, broken_at), (rest, len(rows) - broken_at)):
        assert batch.rows == len(batch.accepted) + batch.duplicate + len(batch.refused) == count
    assert [(a.id, a.place) for a in whole.accepted] == [(a.id, a.place) for batch in (first, rest) for a in batch.accepted]
    assert whole.duplicate == first.duplicate + rest.duplicate
    assert whole.refused == [*first.refused, *rest.refused]


def test_two_equal_rows_are_one_and_an_id_with_other_content_is_told() -> None:
    rows = [
        ("a", "2025-01-02", "late", ""),
        ("a", "2025-01-02", "late", ""),
        ("a", "2025-01-02", "late again", ""),
        ("a", "2025-01-02", "late again", "2"),
    ]

    by_id, by_content = sort(rows, 0), sort(rows, 0, RULES)

    assert [(a.id, a.revision) for a in by_id.accepted] == [("a", 1), ("a", 2)]
    assert by_id.duplicate == 1
    assert [(refused.line, refused.reason) for refused in by_id.refused] == [(4, SAME_ID)]
    assert (len(by_content.accepted), by_content.duplicate, len(by_content.refused)) == (3, 1, 0)
    assert len({a.id for a in by_content.accepted}) == 3
