"""What a file says is shown, and not obeyed."""

import io

from rich.console import Console

from services.cli.import_screen import show_preview


def test_a_terminal_obeys_nothing_that_stands_in_a_file_and_long_values_leave_room_for_what_a_column_becomes() -> None:
    name, value = "Comment\x1b]0;owned\x07", "two\nlines, " + "long " * 50
    columns = [{"name": name, "becomes": ["comment"], "examples": [value, value]}]
    preview = {"columns": columns, "events": [], "sampled": 1, "refused": [{"line": 2, "reason": f"{name}: is wrong"}], "hints": [],
               "problems": [f"there is no column {name}"]}  # fmt: skip
    file = {"format": "csv", "encoding": "utf-8", "sheet": None, "dialect": {"delimiter": "\t"}}
    shown = io.StringIO()

    show_preview(Console(file=shown, width=80, force_terminal=False), {"file_name": "a\x1b[2J.csv", "file": file, "preview": preview,
                 "mapping": {"type": "feedback.survey_answered.v1", "fields": {}}})  # fmt: skip

    assert "\x1b" not in shown.getvalue()
    assert "\x07" not in shown.getvalue()
    [row] = [line for line in shown.getvalue().splitlines() if line.startswith("│")]
    assert row.startswith("│ Comment ]0;owned  │ comment │ two lines, long long")
