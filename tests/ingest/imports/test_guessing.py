"""What is guessed from the names of columns and what stands in them, in three languages."""

from collections.abc import Sequence

from services.ingest.imports.guessing import Guess, guess
from services.ingest.imports.mapping import problems_of


def guessed(*rows: Sequence[str]) -> Guess:
    return guess(rows[0], rows[1:], "spring")


def test_a_survey_is_recognised_by_its_questions() -> None:
    found = guessed(
        ["Response ID", "Submitted at", "How likely are you to recommend us?", "Overall satisfaction", "Comment", "Email"],
        ["a1", "2025-01-02T10:00:00Z", "10", "4", "fine", "a@example.com"],
        ["a2", "2025-01-03T10:00:00Z", "0", "5", "", ""],
    )

    assert (
        found.problems,
        problems_of(found.mapping, ["Response ID", "Submitted at", *list(found.mapping.answers), "Comment", "Email"]),
    ) == ([], [])
    assert found.mapping.model_dump(exclude_defaults=True) == {
        "type": "feedback.survey_answered.v1",
        "fields": {
            "id": {"column": "Response ID"},
            "time": {"column": "Submitted at", "format": "iso"},
            "comment": {"column": "Comment"},
            "customer.email": {"column": "Email"},
            "survey": {"constant": "spring"},
            "channel": {"constant": "other"},
        },
        "answers": {
            "How likely are you to recommend us?": {"column": "How likely are you to recommend us?", "instrument": "nps"},
            "Overall satisfaction": {"column": "Overall satisfaction", "instrument": "csat", "scale_min": 1, "scale_max": 5},
        },
    }


def test_a_misprint_a_word_and_a_99_for_no_answer_do_not_change_what_was_asked() -> None:
    rows = [["2025-01-02", nps, "5"] for nps in ("9", "12", "10", "8")]

    found = guessed(["Date", "NPS", "Satisfaction"], *rows, ["2025-01-02", "n/a", "99"])

    assert [(rule.instrument, rule.scale_max) for rule in found.mapping.answers.values()] == [("nps", None), ("csat", 5)]


def test_german_and_chinese_files_are_recognised() -> None:
    german = guessed(["Vorgangsnummer", "Eingangsdatum", "Beschwerde", "Kundennummer"], ["7", "31.12.2025", "zu spät", "k1"])
    chinese = guessed(["工单号", "投诉时间", "投诉内容", "手机号"], ["7", "2025年12月31日 10:00", "三周没有回复", "13800138000"])

    assert german.mapping.type == chinese.mapping.type == "feedback.complaint_raised.v1"
    assert german.mapping.fields["time"].format == "%d.%m.%Y"
    assert chinese.mapping.fields["time"].format == "%Y年%m月%d日 %H:%M"
    assert chinese.mapping.fields["text"].column == "投诉内容"
    assert {"id", "customer.id"} <= german.mapping.fields.keys()
    assert "customer.phone" in chinese.mapping.fields


def test_reviews_get_their_scale_and_decimal_commas_are_seen() -> None:
    found = guessed(["Datum", "Bewertung", "Kommentar"], ["2025-01-02", "4,5", "gut"], ["2025-01-03", "1,0", "schlecht"])

    assert found.mapping.type == "feedback.comment_posted.v1"
    assert found.mapping.decimal == ","
    assert (found.mapping.fields["scale_min"].constant, found.mapping.fields["scale_max"].constant) == (1, 5)
    assert found.mapping.fields["channel"].constant == "review"


def test_what_cannot_be_told_is_asked_and_not_guessed() -> None:
    either = guessed(["Date", "Complaint"], ["03/04/2025", "late"], ["05/06/2025", "late"])
    one = guessed(["Date", "Complaint"], ["03/04/2025", "late"], ["25/06/2025", "late"])
    unknown = guessed(["Date", "Complaint"], ["week 7", "late"])
    effort = guessed(["Date", "Customer effort"], ["2025-01-02", "3"])

    assert "may be month/day or day/month" in either.problems[0]
    assert (one.problems, one.mapping.fields["time"].format) == ([], "%d/%m/%Y")
    assert "are in no known form" in unknown.problems[0]
    assert "say its polarity" in effort.problems[0]


def test_words_of_channels_are_translated_and_unknown_ones_are_told() -> None:
    found = guessed(["Date", "Complaint", "Submitted via"], ["2025-01-02", "late", "Postal mail"], ["2025-01-02", "late", "Pigeon"])

    rule = found.mapping.fields["channel"]
    assert (rule.words, rule.otherwise) == ({"Postal mail": "mail"}, "other")
    assert any("Pigeon" in hint for hint in found.hints)
