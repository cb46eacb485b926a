"""What holds for every adapter, shown with every sample: `cases/<vendor>.py` says what a sample must become."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from services.ingest.adapters import adapters
from services.ingest.adapters.adapter import ChannelEvent, Form, NotNow, NotProven, Outcome, Request, Unreadable
from services.ingest.adapters.conversations import Treated
from services.ingest.adapters.signatures import without_proof
from tests.ingest.adapters.case import SAMPLES, Case, Pull, Vector
from tests.ingest.adapters.cases import CASES, ELSEWHERE, PULLS, VECTORS
from tests.ingest.adapters.judging import be_sound, take, written
from tests.ingest.adapters.mutations import KINDS, concerns, variants
from tests.ingest.adapters.pulling import step

MADE = json.loads(Path(__file__).with_name("test_vectors.json").read_bytes())

every_case = pytest.mark.parametrize("case", CASES, ids=str)
every_pull = pytest.mark.parametrize("pull", PULLS, ids=str)
every_kind = pytest.mark.parametrize("kind", KINDS)


@every_case
def test_a_sample_becomes_the_events_that_a_person_would_expect(case: Case) -> None:
    request = case.request(case.body)

    outcome = case.receive(request)

    assert written(outcome.events) == list(case.expected)
    take(outcome.events, case.at)
    assert outcome.answer == case.answer
    assert list(outcome.fetches) == list(case.fetches)
    assert dict(outcome.passed_over) == dict(case.passed_over)
    assert (outcome.once, outcome.confirm) == (case.once, case.confirm)


@every_case
def test_a_repetition_is_known_by_its_ids_and_revisions_whenever_it_comes(case: Case) -> None:
    now, later = case.request(case.body), case.request(case.body, at=case.at + timedelta(minutes=2))

    first, again, once_more = case.receive(now), case.receive(now), case.receive(later)

    assert first == again
    assert [_identity(event) for event in once_more.events] == [_identity(event) for event in first.events]


WITH_HEADERS = [
    (case, vector)
    for case in CASES
    for vector in MADE["made_here"]
    if vector["file"] == case.sample and case.changed is None and case.adapter.startswith(vector["vendor"].split()[0])
]


@pytest.mark.parametrize(
    ("case", "vector"),
    WITH_HEADERS,
    ids=[str(case) for case, _ in WITH_HEADERS],
)
def test_a_sample_with_the_headers_made_for_it_is_proven(case: Case, vector: Mapping[str, Any]) -> None:
    headers = {name.lower(): value for name, value in vector["headers"].items() if name not in ("query", "response_body")}
    url = case.sign(case.body)[0].partition("?")[0] + ("?" + vector["headers"]["query"] if "query" in vector["headers"] else "")
    request = Request(case.method, url, headers, b"" if case.media == "none" else case.body, case.at)

    outcome = case.receive(request)

    assert written(outcome.events) == list(case.expected)


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_a_published_signature_holds_and_a_wrong_one_does_not(vector: Vector) -> None:
    proven, outcome = True, None

    try:
        outcome = vector.receive()
    except Unreadable:
        pass
    except NotProven:
        proven = False

    assert proven is vector.holds
    assert vector.answer is None or (outcome is not None and outcome.answer == vector.answer)


@every_case
def test_a_wrong_secret_proves_nothing(case: Case) -> None:
    request = case.request(case.body)

    with pytest.raises(NotProven) as refused:
        case.receive(request, case.wrong_secrets or _wrong(case.secrets))

    assert refused.value.reason.replace("_", "").isalpha()


@every_case
def test_without_its_proof_a_request_is_refused(case: Case) -> None:
    request = case.request(case.body)
    bare = dataclasses.replace(
        request,
        url=urlsplit(request.url)._replace(query="").geturl(),
        headers={name: value for name, value in request.headers.items() if name == "content-type"},
    )
    if bare == request:
        assert case.proof_members, "a proof stands in the URL, in the headers, or in members of the body that proof_members names"
        return

    with pytest.raises(NotProven):
        case.receive(bare)


@every_case
def test_while_a_secret_is_rotated_the_previous_one_still_proves(case: Case) -> None:
    request = case.request(case.body)

    outcome = case.receive(request, case.wrong_secrets or _wrong(case.secrets), case.secrets)

    assert written(outcome.events) == list(case.expected)


@pytest.mark.parametrize("case", [case for case in CASES if case.media != "none"], ids=str)
def test_a_sample_that_a_person_pastes_to_try_is_read_without_its_proof(case: Case) -> None:
    url, headers = case.sign(case.body)
    bare, _, query = url.partition("?")
    pasted = Request("POST", bare, {"content-type": headers.get("content-type", "")}, case.body, case.at)

    with without_proof():
        outcome = case.receive(pasted)

    be_sound(outcome, case.at)
    found, expected = {event.id for event in outcome.events}, {event["id"] for event in case.expected}
    assert found == expected or (query and found < expected), "what a query says may be missing, other ids may not appear"


@pytest.mark.parametrize("case", [case for case in CASES if isinstance(case.options, Treated)], ids=str)
@pytest.mark.parametrize("treated", ["message", "complaint", "comment"])
def test_whatever_words_are_taken_for_they_keep_their_ids_and_are_taken(case: Case, treated: str) -> None:
    chosen = dataclasses.replace(case, options=case.options.model_copy(update={"treat_as": treated}))

    outcome = chosen.receive(chosen.request(chosen.body))

    be_sound(outcome, case.at)
    assert [event.id for event in outcome.events] == [event["id"] for event in case.expected]


@pytest.mark.parametrize("case", [case for case in CASES if case.covers_body and case.media != "none"], ids=str)
def test_a_changed_byte_is_refused(case: Case) -> None:
    request = case.request(case.body)
    believed = []

    for place in range(0, len(case.body), max(1, len(case.body) // 40)):
        changed = bytearray(case.body)
        changed[place] ^= 1
        if _becomes(case, dataclasses.replace(request, body=bytes(changed))) != "not proven":
            believed.append(place)

    assert not believed, f"bytes whose change is not noticed: {believed}"


@pytest.mark.parametrize("case", [case for case in CASES if case.timestamped], ids=str)
@pytest.mark.parametrize("late", [1, 1000, -1])
def test_a_recording_played_later_is_refused(case: Case, late: int) -> None:
    request = case.request(case.body, at=case.at + late * (case.fresh_for + timedelta(minutes=1)))

    with pytest.raises(NotProven) as refused:
        case.receive(request)

    assert refused.value.reason == "stale"


@every_case
@every_kind
def test_whatever_a_member_is_it_ends_in_the_same_ids_or_a_typed_refusal(case: Case, kind: str) -> None:
    ids = {event["id"] for event in case.expected}
    wrong = []

    for place, change, content in variants(case.media, case.content, kind):
        request = case.request(case.closed(content))
        ended = _becomes(case, request)
        if ended == "not proven" and not concerns(place, case.proof_members):
            wrong.append(f"{place} {change}: not proven although signed")
        elif isinstance(ended, str) and ended not in ("not proven", "unreadable"):
            wrong.append(f"{place} {change}: {ended}")
        elif isinstance(ended, Outcome) and not {event.id for event in ended.events} <= ids and not concerns(place, case.identity):
            wrong.append(f"{place} {change}: other ids, {[event.id[:60] for event in ended.events]}")
        elif kind == "unknown" and ended != case.receive(case.request(case.body)) and place:
            wrong.append(f"{place} {change}: a field that is new changes what it becomes, {str(ended)[:200]}")

    assert not wrong, "\n" + "\n".join(wrong)


@every_case
def test_another_content_type_ends_in_the_same_events_or_a_typed_refusal(case: Case) -> None:
    ended = {}

    for media_type in (
        "",
        "application/octet-stream",
        "text/plain; charset=gb2312",
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "☃",
    ):
        outcome = _becomes(case, case.request(case.body, headers={"content-type": media_type}))
        ended[media_type] = written(outcome.events) if isinstance(outcome, Outcome) else outcome

    refusals = ("unreadable", "not proven")
    assert {media_type: end for media_type, end in ended.items() if end not in (*refusals, list(case.expected))} == {}


@every_pull
async def test_a_pulled_sample_becomes_the_events_that_a_person_would_expect(pull: Pull) -> None:
    pulled = await step(pull, pull.content)

    assert written(pulled.events) == list(pull.expected)
    take(pulled.events, pull.at)


@every_pull
@every_kind
async def test_whatever_a_pulled_member_is_it_ends_in_the_same_ids_or_a_typed_refusal(pull: Pull, kind: str) -> None:
    ids = {event["id"] for event in pull.expected}
    wrong = []

    for place, change, content in variants(pull.media, pull.content, kind):
        try:
            pulled = await step(pull, content)
            take(pulled.events, pull.at, odd_times=True)
        except (Unreadable, NotNow):
            continue
        except (AssertionError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            wrong.append(f"{place} {change}: {type(error).__name__} {str(error)[:300]}")
            continue
        if not {event.id for event in pulled.events} <= ids and not concerns(place, pull.identity):
            wrong.append(f"{place} {change}: other ids, {[event.id[:60] for event in pulled.events]}")

    assert not wrong, "\n" + "\n".join(wrong)


def test_every_sample_and_every_published_signature_has_its_case() -> None:
    proven = {thing.sample for thing in (*CASES, *PULLS)} | set(ELSEWHERE)
    signatures = {f"{vector.official} {vector.number}" for vector in VECTORS} | set(ELSEWHERE)
    samples = {str(path.relative_to(SAMPLES)) for path in SAMPLES.rglob("*") if path.is_file()}
    published = {f"{official['vendor']} {number}" for official in MADE["official"] for number, _ in enumerate(official["cases"])}

    made = {vector["file"] for vector in MADE["made_here"]} - {vector["file"] for _, vector in WITH_HEADERS} - set(ELSEWHERE)

    assert (sorted(samples - proven), sorted(published - signatures), sorted(made)) == ([], [], [])


@pytest.mark.parametrize("name", sorted(adapters()))
def test_an_adapter_has_cases_and_tells_people_what_to_do(name: str) -> None:
    adapter = adapters()[name]
    cases = [case for case in (*CASES, *PULLS) if case.adapter == name]

    undescribed = list(_undescribed(adapter.secrets))

    assert cases or (adapter.receive is None and adapter.pull is None), "only what no vendor sends, our own form, needs no case"
    assert not undescribed
    assert adapter.setup
    assert (adapter.receive is None) or any("{url}" in line for line in adapter.setup)
    assert any(line.startswith("Test: ") for line in adapter.setup), "a line of setup that begins with Test: says how to test it"
    assert adapter.unsigned_body is any(not case.covers_body for case in CASES if case.adapter == name)


def _becomes(case: Case, request: Request) -> Outcome | str:
    """What a request ends in: an outcome that ingest takes, "not proven", "unreadable", or what must not happen."""
    try:
        outcome = case.receive(request)
        be_sound(outcome, case.at, odd_times=True)
    except NotProven:
        return "not proven"
    except Unreadable:
        return "unreadable"
    except (AssertionError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        return f"{type(error).__name__} {str(error)[:300]}"
    return outcome


def _identity(event: ChannelEvent) -> tuple[str, str, int]:
    return event.type, event.id, event.data.get("revision", 1)


def _wrong(secrets: Form) -> Form:
    """The same secrets with one character of each changed for another of its kind."""
    return secrets.model_copy(update={name: _other(value) for name, value in secrets})


def _other(value: Any) -> Any:
    if isinstance(value, str):
        place = next((index for index, letter in enumerate(value) if letter.isalnum()), None)
        return value if place is None else value[:place] + ("b" if value[place] != "b" else "c") + value[place + 1 :]
    if isinstance(value, list | tuple):
        return type(value)(map(_other, value))
    return value


def _undescribed(form: type[Form]) -> Iterator[str]:
    return (name for name, field in form.model_fields.items() if not field.description)
