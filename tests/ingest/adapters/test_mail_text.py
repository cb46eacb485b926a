"""The end of what is new in a mail."""

from hypothesis import given, seed
from hypothesis import strategies as st

from services.ingest.adapters.mail_text import new_words


@seed(6)
@given(st.lists(st.sampled_from(["On x wrote:", "> old", "new", "", "-- ", "From: x", "Sent: y", "____________________", "于 x 写道："])))
def test_a_text_of_any_lines_keeps_something_where_there_was_something(lines: list[str]) -> None:
    text = "\n".join(lines)

    words = new_words(text)

    assert bool(words) is bool(text.strip())
    assert words in text


def test_what_lies_far_behind_all_that_can_be_kept_is_not_looked_at() -> None:
    words = "We waited for hours.\n" * 10_000

    assert new_words(words + "-- \nEmily\n") == words[:200_000].strip()
