"""A part that ends is started again, with back-off; one that refuses its configuration is not."""

import asyncio
from pathlib import Path

import pytest

from services.cli.stack.child import Command
from services.cli.stack.keeper import Doing, Keeper
from shared.errors import ConfigurationError


class ShellPart:
    """A part whose process is a line of shell; ready when its log says so."""

    name = "shell"
    url = None
    start_seconds = 5.0
    refusal_code = 2

    def __init__(self, line: str, log: Path) -> None:
        self._line, self._log = line, log

    def prepare(self) -> None:
        """Forget what a former process said."""
        self._log.write_text("")

    def command(self) -> Command:
        return Command(("sh", "-c", self._line), self._log)

    async def is_ready(self) -> bool:
        return "ready" in self._log.read_text()


class TakenForAWhile(ShellPart):
    """A part whose port is another program's when it wants to start for the second time."""

    starts = 0

    def prepare(self) -> None:
        super().prepare()
        self.starts += 1
        if self.starts == 2:
            raise ConfigurationError("port 1 is taken")


async def test_a_killed_part_comes_back_with_another_pid(tmp_path: Path) -> None:
    seen: list[Doing] = []
    keeper = Keeper(ShellPart("echo ready; exec sleep 600", tmp_path / "log"), lambda kept: seen.append(kept.doing))
    keeping = asyncio.create_task(keeper.keep())
    await keeper.ready.wait()
    first = keeper.pid

    keeper.kill()
    while keeper.restarts == 0:
        await asyncio.sleep(0.05)
    await keeper.ready.wait()

    assert keeper.pid not in (None, first)
    assert [doing for doing, before in zip(seen, [None, *seen], strict=False) if doing != before] == [
        Doing.STARTING,
        Doing.READY,
        Doing.DOWN,
        Doing.STARTING,
        Doing.READY,
    ]
    keeping.cancel()
    await keeper.stop()
    assert keeper.pid is None


async def test_a_part_that_never_gets_ready_is_tried_again_and_says_why(tmp_path: Path) -> None:
    notes: list[str] = []
    keeper = Keeper(ShellPart("echo out of luck; exit 7", tmp_path / "log"), lambda kept: notes.append(kept.note))
    keeping = asyncio.create_task(keeper.keep())

    while keeper.restarts < 1:
        await asyncio.sleep(0.05)

    assert any("ended with code 7: out of luck" in note and "again in 0.5 s" in note for note in notes)
    keeping.cancel()
    await keeper.stop()


async def test_a_part_that_refuses_its_configuration_is_not_tried_again(tmp_path: Path) -> None:
    keeper = Keeper(ShellPart("echo set HEARBACK_X; exit 2", tmp_path / "log"), lambda _: None)

    with pytest.raises(ConfigurationError, match="shell refuses to start: set HEARBACK_X"):
        await keeper.keep()

    assert keeper.restarts == 0


async def test_a_part_that_worked_before_outlasts_what_stands_in_its_way(tmp_path: Path) -> None:
    notes: list[str] = []
    part = TakenForAWhile("echo ready; exec sleep 600", tmp_path / "log")
    keeper = Keeper(part, lambda kept: notes.append(kept.note))
    keeping = asyncio.create_task(keeper.keep())
    await keeper.ready.wait()

    keeper.kill()
    while keeper.restarts < 2:
        await asyncio.sleep(0.05)
    await keeper.ready.wait()

    assert "port 1 is taken; again in 1 s" in notes
    keeping.cancel()
    await keeper.stop()
