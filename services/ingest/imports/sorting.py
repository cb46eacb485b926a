"""Each row of a file as what it is: accepted, duplicate or refused; one of the three, always.

`read = accepted + duplicate + refused` holds for every batch because a row gets into it in one place only.
"""

from dataclasses import dataclass, field
from datetime import datetime

from services.ingest.imports.cells import Row
from services.ingest.imports.interpreting import Interpreter, refusal_of, shown_cells
from services.ingest.imports.known_rows import KnownRows
from services.ingest.imports.store import RefusedRow
from services.ingest.intake import Accepted, Intake
from shared.errors import InvalidEvent
from shared.observability.tracing import traceparent_from

BATCH_ROWS = 250
BATCH_BYTES = 256 * 1024
SAME_ID = "another row of the file has this id and says something else: give it a higher revision, or map another column to id"


@dataclass(slots=True)
class Batch:
    """Rows that are not accounted for yet."""

    rows: int = 0
    bytes: int = 0
    duplicate: int = 0
    accepted: list[Accepted] = field(default_factory=list)
    refused: list[RefusedRow] = field(default_factory=list)

    @property
    def full(self) -> bool:
        """Whether it should go before more is read."""
        return self.rows >= BATCH_ROWS or self.bytes >= BATCH_BYTES


class Sorter:
    """For the rows of one file, in their order."""

    def __init__(self, tenant: str, source: str, interpreter: Interpreter, known: KnownRows, intake: Intake) -> None:
        self._tenant = tenant
        self._source = source
        self._interpreter = interpreter
        self._known = known
        self._intake = intake
        self._trace = traceparent_from(None)

    def pass_over(self, row: Row) -> None:
        """Only remember a row that is accounted for already."""
        _, _, key, content = self._interpreter.interpret(row)
        self._known.add(key, content)

    def take(self, batch: Batch, row: Row, position: int, now: datetime) -> None:
        """Put the row at `position` into the batch, as what it is."""
        item, reason, key, content = self._interpreter.interpret(row)
        batch.rows += 1
        known = self._known.add(key, content)
        if known == "same":
            batch.duplicate += 1
            return
        if known == "other":
            item, reason = None, SAME_ID
        if item is not None:
            try:
                judged = self._intake.judge(self._tenant, item, source=self._source, id=content.hex(), now=now, traceparent=self._trace,
                                            place=position, may_backfill=True)  # fmt: skip
            except InvalidEvent as wrong:
                reason = refusal_of(wrong)
            else:
                batch.accepted.append(judged)
                batch.bytes += len(judged.record.value)
                return
        cells = shown_cells(row)
        batch.refused.append(RefusedRow(position, row.line, reason or "is no event", cells))
        batch.bytes += sum(map(len, cells))
