"""What `seen` costs as it grows: events a second through `admit` over scoring's observations, and bytes a row on the disk.

Batches of 5,000, a transaction each: all of them fresh, or a tenth of them stored before. The ids are hashes, so every one falls
on a page of its own. `python -m bench.seen` does 1, 10 and 50 million rows, which takes about ten minutes and 15 GB;
`fill FOLDER MILLIONS` and `measure FOLDER` do one size in two steps that need not run at once.
"""

import asyncio
import random
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import uvloop
from pydantic import SecretStr

from bench.rounds import interleave, record
from services.scoring.domain.observations import Observation
from services.scoring.schema import observations
from shared.database.engine import Sessions, create_engine, create_sessions
from shared.database.migrations import upgrade
from shared.database.seen import admit
from shared.kafka.consumer import BATCH
from shared.settings import DatabaseSettings
from tests.servers import PostgresServer

MILLIONS = (1, 10, 50)
MILLION = 1_000_000
BATCHES_A_ROUND = 8
SEEN_SHARE = 0.1
DATABASE = "hearback_scoring"
SAMPLED = 100_000
SAMPLE = "SELECT event FROM observations TABLESAMPLE SYSTEM ($1)"
FILL = """
    INSERT INTO observations (tenant, event, revision, occurred_at, type, channel, backfill, measures, components)
    SELECT 'bench', gen_random_uuid(), 1, now(), 'feedback.survey_answered.v1', 'phone', false, '{nps,ces_effort}', '{9000000,2000000}'
    FROM generate_series(1, $1)
"""


async def fill(folder: Path, millions: int) -> None:
    """Bring the table to so many rows; the key is built afterwards, which is quicker, and as dense as it gets."""
    postgres = await PostgresServer.start(folder)
    url = await postgres.create_database(DATABASE)
    await asyncio.to_thread(upgrade, "scoring", DatabaseSettings(url=SecretStr(url)))
    connection = await asyncpg.connect(url)
    missing = millions * MILLION - await connection.fetchval("SELECT count(*) FROM observations")
    await connection.execute("ALTER TABLE observations DROP CONSTRAINT pk_observations")
    for first in range(0, missing, MILLION):
        await connection.execute(FILL, min(MILLION, missing - first))
    await connection.execute("SET maintenance_work_mem = '1GB'")
    await connection.execute("ALTER TABLE observations ADD CONSTRAINT pk_observations PRIMARY KEY (tenant, event)")
    await connection.execute("VACUUM ANALYZE observations")
    await connection.execute("CHECKPOINT")
    await connection.close()
    await postgres.stop()


async def measure(folder: Path) -> None:
    """Measure on what is filled, and record it under the number of millions."""
    postgres = await PostgresServer.start(folder)
    url = postgres.url_for(DATABASE)
    connection = await asyncpg.connect(url)
    rows = await connection.fetchval("SELECT count(*) FROM observations")
    size = await connection.fetchval("SELECT pg_total_relation_size('observations')")
    known = [row["event"].bytes for row in await connection.fetch(SAMPLE, 100 * SAMPLED / rows)]
    await connection.close()
    engine = create_engine(DatabaseSettings(url=SecretStr(url)), "bench")
    sessions = create_sessions(engine)
    figures, steal = await interleave({"fresh": lambda: _admitted(sessions, []), "some seen": lambda: _admitted(sessions, known)})
    name = f"seen_{rows // MILLION}m"
    record(f"{name}_fresh", {"ours": figures["fresh"]}, "events/s", steal)
    record(f"{name}_tenth_seen", {"ours": figures["some seen"]}, "events/s", steal)
    record(f"{name}_row", {"ours": [size / rows]}, "bytes", 0.0)
    await engine.dispose()
    await postgres.stop()


async def _admitted(sessions: Sessions, known: list[bytes]) -> float:
    """Events a second through `admit`; with `known`, the share of a batch that is taken from it was seen before."""
    again = int(BATCH * SEEN_SHARE) if known else 0
    batches = [[_row(id) for id in (*random.sample(known, again), *_new(BATCH - again))] for _ in range(BATCHES_A_ROUND)]
    began = time.perf_counter()
    for batch in batches:
        async with sessions.begin() as session:
            admission = await admit(session, observations, batch)
        assert len(admission.fresh) == BATCH - again
    return BATCHES_A_ROUND * BATCH / (time.perf_counter() - began)


def _new(count: int) -> list[bytes]:
    return [random.randbytes(16) for _ in range(count)]


def _row(event: bytes) -> Observation:
    measures, components = ("nps", "ces_effort"), (9_000_000, 2_000_000)
    return Observation("bench", event, 1, datetime.now(UTC), "feedback.survey_answered.v1", "phone", False, measures, components)


async def main(arguments: list[str]) -> None:
    """See the module."""
    match arguments:
        case ["fill", folder, millions]:
            await fill(Path(folder), int(millions))
        case ["measure", folder]:
            await measure(Path(folder))
        case _:
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                for millions in MILLIONS:
                    await fill(Path(folder), millions)
                    await measure(Path(folder))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1:]))
