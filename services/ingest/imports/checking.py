"""What a file is, what its rows would become, and what a person has to decide before it runs: the dry run of an import."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from pydantic import BaseModel

from services.ingest.imports.cells import Row, Table, text_of
from services.ingest.imports.guessing import guess
from services.ingest.imports.interpreting import Interpreter, refusal_of
from services.ingest.imports.mapping import Mapping, problems_of
from services.ingest.imports.pacing import Pace
from services.ingest.imports.reading import Form, Options, opened, recognise
from services.ingest.imports.store import Import
from services.ingest.intake import Intake
from shared.errors import InvalidEvent
from shared.observability.tracing import traceparent_from

SAMPLE_ROWS = 200
EVENTS_SHOWN = 5
REFUSED_SHOWN = 20
EXAMPLES = 3
EXAMPLE_LENGTH = 80
UNNAMED = (
    "the import has no name, so its ids are known by this very file: name it after the system that the file is from, and a later file of "
    "that system does not count the same rows again"
)


class ColumnView(BaseModel):
    """A column of the file: what stands in its first rows, and which fields of the event it becomes."""

    name: str
    examples: list[str]
    becomes: list[str]


class RefusedView(BaseModel):
    """A row of the sample that would be refused."""

    line: int
    reason: str


class Preview(BaseModel):
    """The dry run: nothing has been sent. `problems` have to be settled before the import can start; `hints` need not be."""

    columns: list[ColumnView]
    events: list[dict[str, Any]]
    sampled: int
    refused: list[RefusedView]
    problems: list[str]
    hints: list[str]


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found."""

    form: Form
    mapping: Mapping | None
    preview: Preview


class Checker:
    """Checks files, with what judges events."""

    def __init__(self, intake: Intake, max_unpacked_bytes: int) -> None:
        self._intake = intake
        self._max_unpacked_bytes = max_unpacked_bytes

    async def check(self, one: Import, path: Path, zone: ZoneInfo, now: datetime, pace: Pace) -> Checked:
        """Recognise the file, guess a mapping when there is none, and try the first rows. Raises UnreadableFile and Interrupted."""
        options = Options.model_validate(one.options)
        form = await pace.through(recognise(path, options, one.digest, self._max_unpacked_bytes))
        mapping = None if one.mapping is None else Mapping.model_validate(one.mapping)
        form = with_columns_of(form, mapping)
        with opened(path, form, self._max_unpacked_bytes) as file:
            for _ in file.preparing:
                await pace.turn()
            table = file.table()
            rows = await _first(table, pace)
        mapping, problems, hints = _considered(one, form, table.columns, rows, mapping)
        events: list[dict[str, Any]] = []
        refused: list[RefusedView] = []
        if not problems:
            events, refused = await self._tried(one, rows, Interpreter(mapping, table.columns, zone, backfill=not one.act), now, pace)
            if len(refused) == len(rows):
                problems.append(f"none of the first {len(rows)} rows can be taken; the first: {refused[0].reason}")
        columns = [_column(name, place, rows, mapping) for place, name in enumerate(table.columns)]
        preview = Preview(
            columns=columns, events=events, sampled=len(rows), refused=refused[:REFUSED_SHOWN], problems=problems, hints=hints
        )
        return Checked(form.model_copy(update={"columns": list(table.columns)}), mapping, preview)

    async def _tried(
        self, one: Import, rows: Sequence[Row], interpreter: Interpreter, now: datetime, pace: Pace
    ) -> tuple[list[dict[str, Any]], list[RefusedView]]:
        """What the rows would become: the first events, and every row that would be refused."""
        events: list[dict[str, Any]] = []
        refused: list[RefusedView] = []
        for row in rows:
            await pace.turn()
            item, reason, _, content = interpreter.interpret(row)
            if item is not None:
                try:
                    judged = self._intake.judge(one.tenant, item, source="/imports/preview", id=content.hex(), now=now,
                                                traceparent=traceparent_from(None), may_backfill=True)  # fmt: skip
                except InvalidEvent as wrong:
                    reason = refusal_of(wrong)
                else:
                    if len(events) < EVENTS_SHOWN:
                        events.append(msgspec.json.decode(judged.record.value))
            if reason is not None:
                refused.append(RefusedView(line=row.line, reason=reason))
        return events, refused


def _considered(
    one: Import, form: Form, columns: Sequence[str], rows: Sequence[Row], mapping: Mapping | None
) -> tuple[Mapping | None, list[str], list[str]]:
    """The mapping, guessed where nobody gave one; what has to be decided before it can run, and what may be."""
    problems: list[str] = []
    hints: list[str] = []
    if len(form.sheets) > 1:
        others = ", ".join(sheet for sheet in form.sheets if sheet != form.sheet)
        hints.append(f"this is the sheet {form.sheet}; the file also has {others}: say which one with sheet")
    usable = [row.cells for row in rows if row.problem is None]
    if mapping is None and not holds_events(form):
        mapping, found, told = guess(columns, usable, one.name or _stem(one.file_name))
        problems += found
        hints += told
    if mapping is not None:
        problems += problems_of(mapping, columns)
        if "id" in mapping.fields and one.name is None:
            hints.append(UNNAMED)
    if not rows:
        problems = ["the file has no rows below the names of the columns"]
    elif not usable:
        problems = [f"none of the first {len(rows)} rows can be read; line {rows[0].line:,}: {rows[0].problem}"]
    return mapping, problems, hints


def holds_events(form: Form) -> bool:
    """Whether each line of an NDJSON file is an event of ours already."""
    return form.format == "ndjson" and "type" in form.columns and any(name.startswith("data.") for name in form.columns)


def with_columns_of(form: Form, mapping: Mapping | None) -> Form:
    """NDJSON may have more names than its first lines: those that the mapping reads belong to it."""
    if form.format != "ndjson" or mapping is None:
        return form
    return form.model_copy(update={"columns": list(dict.fromkeys([*form.columns, *sorted(mapping.columns())]))})


async def _first(table: Table, pace: Pace) -> list[Row]:
    rows: list[Row] = []
    for row in table.rows:
        await pace.turn()
        if row is not None:
            rows.append(row)
        if len(rows) == SAMPLE_ROWS:
            break
    return rows


def _column(name: str, place: int, rows: Sequence[Row], mapping: Mapping | None) -> ColumnView:
    texts = (text_of(row.cells[place]) for row in rows if place < len(row.cells))
    examples = list(dict.fromkeys(text[:EXAMPLE_LENGTH] for text in texts if text))[:EXAMPLES]
    becomes: list[str] = []
    if mapping is not None:
        becomes += [field for field, rule in mapping.fields.items() if name in rule.columns]
        becomes += [f"answer {question}" for question, rule in mapping.answers.items() if rule.column == name]
        becomes += [f"score {dimension}" for dimension, score in mapping.scores.items() if score.column == name]
    return ColumnView(name=name, examples=examples, becomes=becomes)


def _stem(file_name: str) -> str:
    return Path(file_name).stem[:256] or "import"
