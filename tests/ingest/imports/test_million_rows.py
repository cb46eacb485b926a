"""A file of a million rows through a process of its own: each row accounted for, and memory as flat as after the first tenth."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import psutil
import pytest

from tests.ingest.imports.files import workbook
from tests.servers import KafkaServer, PostgresServer
from tests.system.platform import Platform

ROWS = 1_000_000
TENTH = ROWS // 10
START = datetime(2019, 1, 1, tzinfo=UTC)
GROWTH_MIB = 24
"""What a process may grow by after the first tenth: pages of the index of known rows, the allocator's pools."""
SECONDS = 1800
SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SHARED = (
    b'<Override PartName="/xl/sharedStrings.xml" '
    b'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/>'
)
COLUMNS = ["Response ID", "Date", "Customer", "NPS", "Comment"]


def rows() -> Iterator[list[str]]:
    """Answers, all different."""
    for n in range(ROWS):
        at = START + timedelta(seconds=10 * n)
        yield [f"r{n}", f"{at:%Y-%m-%d %H:%M:%S}", f"c{n % 5000}", str(n % 11), f"the answer of number {n} is a text of ordinary length"]


def write_csv(path: Path) -> Path:
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(COLUMNS) + "\n")
        file.writelines(",".join(row) + "\n" for row in rows())
    return path


def write_xlsx(path: Path) -> Path:
    """As Excel writes it: every text in the table of shared ones."""
    empty = workbook(path.with_name("empty.xlsx"), [["x"]])
    with ZipFile(empty) as source, ZipFile(path, "w", ZIP_DEFLATED, compresslevel=1) as target:
        for part in source.infolist():
            if part.filename not in ("xl/worksheets/sheet2.xml", "xl/sharedStrings.xml"):
                target.writestr(part.filename, source.read(part.filename).replace(b"</Types>", SHARED + b"</Types>"))
        with target.open("xl/worksheets/sheet2.xml", "w", force_zip64=True) as sheet:
            sheet.write(f'<worksheet xmlns="{SHEET}"><sheetData>'.encode())
            cells = "".join(f'<c t="s"><v>{number}</v></c>' for number in range(5))
            sheet.write(f'<row r="1">{cells}</row>'.encode())
            for n in range(ROWS):
                first = 5 + 4 * n
                texts = [f'<c t="s"><v>{first + place}</v></c>' for place in range(4)]
                sheet.write(f'<row r="{n + 2}">{"".join(texts[:3])}<c><v>{n % 11}</v></c>{texts[3]}</row>'.encode())
            sheet.write(b"</sheetData></worksheet>")
        with target.open("xl/sharedStrings.xml", "w", force_zip64=True) as strings:
            strings.write(f'<sst xmlns="{SHEET}">'.encode())
            strings.write("".join(f"<si><t>{name}</t></si>" for name in COLUMNS).encode())
            for row in rows():
                strings.write("".join(f"<si><t>{row[place]}</t></si>" for place in (0, 1, 2, 4)).encode())
            strings.write(b"</sst>")
    return path


def memory_mib(pid: int) -> float:
    """The most that a process has had in memory so far."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


async def blocks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(1024 * 1024):
            yield block


@pytest.mark.soak
@pytest.mark.parametrize("write", [write_csv, write_xlsx])
async def test_a_million_rows_take_no_more_memory_than_the_first_tenth(
    kafka_server: KafkaServer, postgres_server: PostgresServer, tmp_path: Path, write: object
) -> None:
    assert callable(write)
    platform = Platform(kafka_server, postgres_server, tmp_path)
    await platform.prepare("ingest")
    service = await platform.start("ingest", roles=("imports", "access"))
    peaks: list[tuple[int, float]] = [(0, memory_mib(service.pid))]
    file = write(tmp_path / "answers")
    try:
        async with platform.client(service, await platform.key("soak"), timeout=120) as client, asyncio.timeout(SECONDS):
            said = {"start": True, "name": write.__name__}
            view = (await client.post("/v1/imports", params=said, content=blocks(file))).raise_for_status().json()
            while view["state"] in ("checking", "running"):
                await asyncio.sleep(0.5)
                view = (await client.get(f"/v1/imports/{view['id']}")).raise_for_status().json()
                assert view["read"] == view["accepted"] + view["duplicate"] + view["refused"]
                peaks.append((view["read"], memory_mib(service.pid)))
        times = psutil.Process(service.pid).cpu_times()
    finally:
        await platform.stop_all()
        await asyncio.to_thread(shutil.rmtree, tmp_path)

    assert (view["state"], view["read"], view["accepted"]) == ("done", ROWS, ROWS), view["preview"] or view["detail"]
    early = next(peak for read, peak in peaks if read >= TENTH)
    print(f"{write.__name__}: {peaks[0][1]:.0f} MiB at rest, {early:.0f} MiB at {TENTH:,} rows, {peaks[-1][1]:.0f} MiB at {ROWS:,} rows")
    print(f"{(times.user + times.system) / ROWS * 1e6:.0f} µs of CPU a row")
    assert peaks[-1][1] - early < GROWTH_MIB, peaks[:: max(1, len(peaks) // 20)]
