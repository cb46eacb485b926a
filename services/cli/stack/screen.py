"""What `make run` shows: a table that lives on a terminal, plain lines where there is none."""

from collections.abc import Sequence
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.table import Table

from services.cli.stack.keeper import Doing, Keeper
from services.cli.stack.numbers import Numbers

STYLES = {Doing.READY: "green", Doing.DOWN: "red", Doing.STARTING: "yellow", Doing.STOPPING: "yellow"}


class Screen(Protocol):
    """Where progress and state go."""

    def say(self, line: str) -> None:
        """One line of progress. May be called from any thread."""

    def changed(self, keeper: Keeper) -> None:
        """A part has something new."""

    def show(self, keepers: Sequence[Keeper]) -> None:
        """These are the parts from now on."""

    def numbers(self, numbers: Numbers) -> None:
        """The numbers of now."""

    def close(self) -> None:
        """Nothing more comes."""


def screen_for(console: Console) -> Screen:
    """The one that fits where the output goes."""
    return LiveScreen(console) if console.is_terminal else PlainScreen(console)


class PlainScreen:
    """One line per event, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said: dict[str, str] = {}

    def say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def changed(self, keeper: Keeper) -> None:
        line = describe(keeper)
        if self._said.get(keeper.part.name) != line:
            self._said[keeper.part.name] = line
            self.say(line)

    def show(self, keepers: Sequence[Keeper]) -> None:
        """The lines come with the changes."""

    def numbers(self, numbers: Numbers) -> None:
        self.say(str(numbers))

    def close(self) -> None:
        """Nothing is held open."""


class LiveScreen:
    """Lines above, and below them a table of the parts with the numbers of now."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._keepers: Sequence[Keeper] = ()
        self._numbers: Numbers | None = None
        self._live = Live(console=console, get_renderable=self._table, refresh_per_second=4)
        self._live.start()

    def say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False)

    def changed(self, keeper: Keeper) -> None:
        if keeper.doing in (Doing.DOWN, Doing.STOPPED):
            self.say(describe(keeper))

    def show(self, keepers: Sequence[Keeper]) -> None:
        self._keepers = keepers

    def numbers(self, numbers: Numbers) -> None:
        self._numbers = numbers

    def close(self) -> None:
        self._live.stop()

    def _table(self) -> Table:
        table = Table("part", "state", "where", "pid", "restarts", caption=str(self._numbers) if self._numbers else None)
        for keeper in self._keepers:
            state = f"[{STYLES.get(keeper.doing, 'dim')}]{keeper.doing}[/] {keeper.note}"
            table.add_row(keeper.part.name, state, keeper.part.url or "", str(keeper.pid or ""), str(keeper.restarts))
        return table


def describe(keeper: Keeper) -> str:
    """The state of a part in one line."""
    where = f" at {keeper.part.url}" if keeper.doing is Doing.READY and keeper.part.url else ""
    pid = f" (pid {keeper.pid})" if keeper.doing is Doing.READY else ""
    note = f": {keeper.note}" if keeper.note else ""
    return f"{keeper.part.name}: {keeper.doing}{where}{pid}{note}"
