"""What an import looks like in a terminal: the dry run, the bar, the account at the end."""

import json
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Column, Table
from rich.text import Text

from services.cli.import_client import View

ROWS_SHOWN = 5
WIDEST_NAME = 36


def show_preview(console: Console, view: View) -> None:
    """The columns and what they become, first rows as events, and what has to be decided."""
    file, preview = view["file"], view["preview"]
    known = [file["format"], file["encoding"], file["sheet"] and f"sheet {file['sheet']}"]
    if file["dialect"]:
        known.append("delimiter " + file["dialect"]["delimiter"].replace("\t", "tab"))
    _say(console, f"{view['file_name']}: {', '.join(part for part in known if part)}")
    if view["mapping"] is None:
        _say(console, "each line is an event already")
    else:
        _say(console, f"each row: {view['mapping']['type']}")
        console.print(_columns(preview["columns"]))
        for name, rule in view["mapping"]["fields"].items():
            if rule.get("constant") is not None:
                _say(console, f"{name} is always {rule['constant']}")
    for event in preview["events"][:ROWS_SHOWN]:
        _say(console, json.dumps({name: event[name] for name in ("id", "time", "data")}, ensure_ascii=False))
    if not preview["problems"]:
        taken = preview["sampled"] - len(preview["refused"])
        _say(console, f"of the first {preview['sampled']} rows {taken} can be taken")
    for refused in preview["refused"][:ROWS_SHOWN]:
        _say(console, f"line {refused['line']} cannot: {refused['reason']}")
    for hint in preview["hints"]:
        _say(console, f"note: {hint}")
    for problem in preview["problems"]:
        _say(console, f"decide: {problem}")


def _columns(columns: Sequence[View]) -> Table:
    """What the columns become; their first values have the width that is left."""
    names = (Column(name, overflow="fold", max_width=WIDEST_NAME) for name in ("column", "becomes"))
    table = Table(*names, Column("first values", overflow="ellipsis", no_wrap=True, ratio=1), expand=True)
    for column in columns:
        cells = (column["name"], ", ".join(column["becomes"]) or "–", " · ".join(column["examples"]))
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table


class Bar:
    """The progress bar; in what is no terminal it shows nothing."""

    def __init__(self, console: Console, doing: str) -> None:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[more]}", markup=False),
        )
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task = self._progress.add_task(doing, total=1.0, more="")

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def sending(self, share: float) -> None:
        """The file is on its way."""
        self._progress.update(self._task, completed=share)

    def checking(self, _: View) -> None:
        """The file is there; nobody knows how long it takes."""
        self._progress.reset(self._task, total=None, description="checking", more="")

    def waiting(self, why: str) -> None:
        """Nothing is heard."""
        self._progress.update(self._task, more=why)

    def importing(self, view: View) -> None:
        """Rows are being read."""
        more = (
            f"waits for {view['waiting_for']}"
            if view["waiting_for"]
            else f"{view['rows_per_second']:,.0f} rows/s{_left(view['eta_seconds'])}"
        )
        self._progress.update(self._task, total=1.0, completed=view["share"], description=f"read {view['read']:,} rows", more=more)


def account(view: View) -> Iterator[str]:
    """What became of the rows."""
    yield f"read {view['read']:,} rows: accepted {view['accepted']:,}, duplicate {view['duplicate']:,}, refused {view['refused']:,}"
    if view["state"] == "failed":
        yield f"the import ended there: {view['detail']}"
    elif view["state"] == "cancelled":
        yield "the import was cancelled there; what was accepted stays"
    elif view["state"] == "waiting":
        yield f"the import waits to be started, with `hearback imports start {view['id']}`"


def _left(seconds: float | None) -> str:
    return "" if seconds is None else f", {int(seconds // 60)}:{int(seconds % 60):02d} left"


def _say(console: Console, line: str) -> None:
    console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


def printable(text: str) -> str:
    """In one line, and without what a terminal would obey: the text comes out of somebody's file."""
    return "".join(character if character.isprintable() else " " for character in text)
