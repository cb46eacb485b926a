"""What Meta sends beside the samples: removals and hidden comments in any order, echoes, the check of the URL, failed messages."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from services.ingest.adapters import facebook_page, instagram, messenger, whatsapp
from services.ingest.adapters.adapter import Endpoint, NotProven, Outcome, Request, Unreadable
from services.ingest.adapters.conversations import Conversations
from services.ingest.adapters.meta_messages import MessageOptions
from shared.contracts.identity import address_hash
from tests.ingest.adapters.case import SAMPLES, UTC_ZONE
from tests.ingest.adapters.cases.facebook_page import SECRETS, URL, sign
from tests.ingest.adapters.cases.instagram import OPTIONS as INSTAGRAM_OPTIONS
from tests.ingest.adapters.cases.instagram import SECRETS as INSTAGRAM
from tests.ingest.adapters.cases.instagram import sign as sign_instagram
from tests.ingest.adapters.judging import take

AT = datetime(2026, 3, 19, 10, 5, tzinfo=UTC)
ADD = json.loads((SAMPLES / "facebook_page/feed_comment_add.json").read_bytes())
PAGE = Endpoint((SECRETS,), facebook_page.Options(), UTC_ZONE)


def feed(verb: str, sent_at: int = 1773914000, **changed: Any) -> Outcome:
    """A change of the comment in the sample."""
    body = json.loads(json.dumps(ADD))
    value = body["entry"][0]["changes"][0]["value"]
    body["entry"][0]["time"] = sent_at
    value |= {"verb": verb, **changed}
    return page(body)


def page(body: dict[str, Any]) -> Outcome:
    raw = json.dumps(body).encode()
    url, headers = sign(raw)
    outcome = facebook_page.receive(Request("POST", url, headers, raw, AT), PAGE)
    take(outcome.events, AT)
    return outcome


def messaging(*items: dict[str, Any], options: MessageOptions | None = None, into: str = "messaging") -> Outcome:
    raw = json.dumps({"object": "page", "entry": [{"id": "1", "time": 1773912885293, into: items}]}).encode()
    url, headers = sign(raw)
    outcome = messenger.receive(Request("POST", url, headers, raw, AT), Endpoint((SECRETS,), options or MessageOptions(), UTC_ZONE))
    take(outcome.events, AT)
    return outcome


def whatsapped(field: str, value: dict[str, Any]) -> Outcome:
    body = {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [{"field": field, "value": value}]}]}
    raw = json.dumps(body).encode()
    url, headers = sign(raw)
    outcome = whatsapp.receive(Request("POST", url, headers, raw, AT), Endpoint((SECRETS,), Conversations(), UTC_ZONE))
    take(outcome.events, AT)
    return outcome


def test_versions_of_a_comment_have_one_id_and_grow_from_its_addition_to_its_removal() -> None:
    added, hidden, edited = feed("add"), feed("hide", 1773913000), feed("edited", edited_time=1773913200, message="refund promised")
    removed = feed("remove", message=None)

    versions = [outcome.events[0] for outcome in (added, hidden, edited, removed)]

    revisions = [event.data.get("revision", 1) for event in versions]
    assert {event.id for event in versions} == {"300000000000007_400000000000011"}
    assert revisions == sorted(set(revisions))
    assert versions[1].data["tags"] == {"hidden": "yes"}
    assert versions[1].data["text"] == versions[0].data["text"]


def test_a_removal_erases_the_words_and_the_name() -> None:
    removed = feed("remove", message=None).events[0]

    assert removed.data == {
        "channel": "social",
        "reply_to": "100000000000001_300000000000007",
        "customer": {"id": "facebook:200000000000042"},
        "text": "[removed]",
        "revision": 2**31 - 1,
    }


def test_hiding_without_the_words_changes_nothing() -> None:
    outcome = feed("hide", message=None)

    assert (outcome.events, outcome.passed_over) == ([], {"moderated": 1})


def test_a_comment_names_the_post_that_it_stands_under_at_any_depth() -> None:
    below = feed("add", parent_id="300000000000007_400000000000010")

    assert below.events[0].post == "100000000000001_300000000000007"
    assert below.events[0].data["reply_to"] == "300000000000007_400000000000010"


def test_a_visitors_post_is_feedback_and_the_pages_own_is_not() -> None:
    theirs = feed("add", item="post", comment_id=None)
    ours = feed("add", item="status", **{"from": {"id": "100000000000001", "name": "Acme"}})
    liked = feed("add", item="reaction", message=None)

    assert [(event.type, event.id) for event in theirs.events] == [("feedback.comment_posted.v1", "100000000000001_300000000000007")]
    assert (ours.events, ours.passed_over) == ([], {"own_words": 1})
    assert (liked.events, liked.passed_over) == ([], {"reaction": 1})


@pytest.mark.parametrize(
    ("value", "rating"),
    [
        ({"recommendation_type": "positive", "review_text": "great"}, (1, 0, 1)),
        ({"recommendation_type": "NEGATIVE"}, (0, 0, 1)),
        ({"rating": 4, "review_text": "good"}, (4, 1, 5)),
    ],
)
def test_a_recommendation_has_two_ends_and_an_old_rating_five_stars(value: dict[str, Any], rating: tuple[int, int, int]) -> None:
    change = {
        "field": "ratings",
        "value": {"item": "rating", "verb": "add", "open_graph_story_id": "5", "created_time": 1773914561, **value},
    }

    outcome = page({"object": "page", "entry": [{"id": "1", "time": 1773914562, "changes": [change]}]})

    data = outcome.events[0].data
    assert (data["rating"], data["scale_min"], data["scale_max"]) == rating
    assert data["text"] == value.get("review_text", "[no text]")


def test_a_batch_of_many_entries_and_changes_becomes_all_its_events() -> None:
    entry = ADD["entry"][0]
    changes = [{"field": "feed", "value": {**entry["changes"][0]["value"], "comment_id": f"7_{number}"}} for number in range(500)]

    outcome = page({"object": "page", "entry": [{**entry, "changes": changes[:250]}, {**entry, "changes": changes[250:]}]})

    assert [event.id for event in outcome.events] == [f"7_{number}" for number in range(500)]


@pytest.mark.parametrize(
    "query",
    [
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=wrong",
        "hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=test-verify-token",
        "hub.mode=subscribe&hub.verify_token=test-verify-token",
        "&".join(f"a{number}=1" for number in range(2000)),
        "",
    ],
)
def test_a_check_of_the_url_that_is_not_metas_is_refused(query: str) -> None:
    with pytest.raises(NotProven):
        facebook_page.receive(Request("GET", f"{URL}?{query}", {}, b"", AT), PAGE)


def test_what_was_subscribed_to_the_wrong_endpoint_is_kept_and_says_so() -> None:
    raw = (SAMPLES / "messenger/message_text.json").read_bytes().replace(b'"page"', b'"instagram"')
    url, headers = sign(raw)

    with pytest.raises(Unreadable, match="object should be page"):
        messenger.receive(Request("POST", url, headers, raw, AT), Endpoint((SECRETS,), MessageOptions(), UTC_ZONE))


def test_messages_that_another_app_answers_are_heard_all_the_same() -> None:
    item = {"sender": {"id": "7"}, "recipient": {"id": "1"}, "timestamp": 1773912885123, "message": {"mid": "m1", "text": "hello"}}

    assert messaging(item, into="standby").events == messaging(item).events != []


def test_the_one_url_of_an_app_takes_comments_and_messages() -> None:
    body = (SAMPLES / "messenger/message_text.json").read_bytes()
    url, headers = sign(body)
    both = json.loads(json.dumps(ADD))
    both["entry"] += json.loads(body)["entry"]

    outcome = page(both)
    alone = messenger.receive(Request("POST", url, headers, body, AT), Endpoint((SECRETS,), MessageOptions(), UTC_ZONE))

    assert [event.type for event in outcome.events] == ["feedback.comment_posted.v1", "feedback.message_received.v1"]
    assert outcome.events[1] == alone.events[0]


def test_comments_that_arrive_where_only_messages_are_taken_are_counted() -> None:
    raw = json.dumps(ADD).encode()
    url, headers = sign(raw)

    outcome = messenger.receive(Request("POST", url, headers, raw, AT), Endpoint((SECRETS,), MessageOptions(), UTC_ZONE))

    assert (outcome.events, outcome.passed_over) == ([], {"other_event": 1})


def test_an_edit_and_a_removal_of_a_message_are_versions_of_it() -> None:
    who: dict[str, Any] = {"sender": {"id": "7"}, "recipient": {"id": "1"}, "timestamp": 1773912885123}

    outcome = messaging(
        {**who, "message": {"mid": "m1", "text": "helo"}},
        {**who, "message_edit": {"mid": "m1", "text": "hello", "num_edit": 1}},
        {**who, "message": {"mid": "m1", "is_deleted": True}},
    )

    assert [(event.id, event.data["text"], event.data.get("revision", 1)) for event in outcome.events] == [
        ("m1", "helo", 1),
        ("m1", "hello", 2),
        ("m1", "[removed]", 2**31 - 1),
    ]


def test_people_in_the_inbox_answer_and_apps_are_taken_for_bots() -> None:
    who = {"sender": {"id": "1"}, "recipient": {"id": "7"}, "timestamp": 1773912885123}
    by = {None: "m1", "263902037430900": "m2", "900": "m3"}

    outcome = messaging(*({**who, "message": {"is_echo": True, "mid": mid, "text": "hi", "app_id": app}} for app, mid in by.items()))

    assert [(event.type, event.id, event.data["thread"]) for event in outcome.events] == [
        ("interaction.replied.v1", "m1", "7"),
        ("interaction.replied.v1", "m2", "7"),
    ]
    assert outcome.passed_over == {"own_words": 1}


def test_instagram_comments_of_our_own_account_are_replies() -> None:
    value = {"id": "5", "text": "sorry", "media": {"id": "9"}}
    authors = [
        {"id": "8", "username": "Acme_Example"},
        {"id": "17840000000000001", "username": "old_name"},
        {"id": "8", "self_ig_scoped_id": "8"},
    ]
    changes = [{"field": "comments", "value": {**value, "from": author}} for author in authors]
    raw = json.dumps({"object": "instagram", "entry": [{"id": "17840000000000001", "time": 1773912886, "changes": changes}]}).encode()
    url, headers = sign_instagram(raw)

    outcome = instagram.receive(Request("POST", url, headers, raw, AT), Endpoint((INSTAGRAM,), INSTAGRAM_OPTIONS, UTC_ZONE))

    assert [event.type for event in outcome.events] == ["interaction.replied.v1"] * 3


def test_an_instagram_direct_message_is_a_message() -> None:
    item = {"sender": {"id": "7"}, "recipient": {"id": "1"}, "timestamp": 1773912885123, "message": {"mid": "m1", "text": "hello"}}
    raw = json.dumps({"object": "instagram", "entry": [{"id": "1", "time": 1773912885293, "messaging": [item]}]}).encode()
    url, headers = sign_instagram(raw)

    outcome = instagram.receive(Request("POST", url, headers, raw, AT), Endpoint((INSTAGRAM,), INSTAGRAM_OPTIONS, UTC_ZONE))

    assert [(event.type, event.data["customer"]) for event in outcome.events] == [("feedback.message_received.v1", {"id": "instagram:7"})]


def test_a_mention_with_an_id_that_is_none_is_not_put_into_a_path() -> None:
    change = {"field": "mentions", "value": {"media_id": "../me?fields=x", "comment_id": "1"}}
    raw = json.dumps({"object": "instagram", "entry": [{"id": "1", "time": 1773912885, "changes": [change]}]}).encode()
    url, headers = sign_instagram(raw)

    with pytest.raises(Unreadable, match="media_id"):
        instagram.receive(Request("POST", url, headers, raw, AT), Endpoint((INSTAGRAM,), INSTAGRAM_OPTIONS, UTC_ZONE))


@pytest.mark.parametrize(
    ("changed", "text", "revision"),
    [
        ({"type": "edit", "edit": {"message": {"type": "text", "text": {"body": "Charged twice"}}}}, "Charged twice", 827229600),
        ({"type": "edit", "edit": {"message": {"type": "image", "image": {"caption": "The bill"}}}}, "The bill", 827229600),
        ({"type": "revoke", "revoke": {}}, "[removed]", 2**31 - 1),
    ],
    ids=["edited", "edited below a picture", "taken back"],
)
def test_a_message_that_was_edited_or_taken_back_is_a_later_version_of_itself(changed: dict[str, Any], text: str, revision: int) -> None:
    """https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/edit, /revoke"""
    changed[changed["type"]]["original_message_id"] = "wamid.1"

    outcome = whatsapped("messages", {"messages": [{"id": "wamid.2", "from": "15550100042", "timestamp": "1773914400", **changed}]})

    (event,) = outcome.events
    assert (event.type, event.id, event.data["thread"]) == ("feedback.message_received.v1", "wamid.1", "15550100042")
    assert (event.data["text"], event.data["revision"]) == (text, revision)


def test_a_message_that_did_not_arrive_finds_its_case() -> None:
    failed = {
        "id": "wamid.1",
        "status": "failed",
        "timestamp": "1773914500",
        "recipient_id": "15550100042",
        "errors": [{"code": 131026, "title": "Message undeliverable"}],
    }

    known = whatsapped("messages", {"statuses": [{**failed, "biz_opaque_callback_data": "case=C-1"}]})
    unknown = whatsapped("messages", {"statuses": [failed]})

    (event,) = known.events
    assert (event.type, event.id) == ("message.delivery_failed.v1", "wamid.1:failed")
    assert event.data == {
        "channel": "messaging",
        "reason": "Message undeliverable",
        "permanent": True,
        "address_hash": address_hash("+15550100042"),
        "case": "C-1",
    }
    assert (unknown.events, unknown.passed_over) == ([], {"failed_delivery": 1})


def test_what_a_person_wrote_in_the_whatsapp_business_app_is_a_reply() -> None:
    echo = {
        "id": "wamid.2",
        "from": "15550100001",
        "to": "15550100042",
        "timestamp": "1773914500",
        "type": "text",
        "text": {"body": "sorry"},
    }

    outcome = whatsapped("smb_message_echoes", {"message_echoes": [echo]})

    assert [(event.type, event.data["thread"], event.data["text"]) for event in outcome.events] == [
        ("interaction.replied.v1", "15550100042", "sorry")
    ]


def test_a_button_that_is_no_rating_says_what_stands_on_it_and_a_picture_its_caption() -> None:
    button = {"id": "w1", "from": "1", "timestamp": "1773914500", "type": "button", "button": {"payload": "more", "text": "Tell me more"}}
    picture = {"id": "w2", "from": "1", "timestamp": "1773914500", "type": "image", "image": {"id": "9", "caption": "broken"}}
    silent = {"id": "w3", "from": "1", "timestamp": "1773914500", "type": "image", "image": {"id": "9"}}

    outcome = whatsapped("messages", {"messages": [button, picture, silent]})

    assert [(event.id, event.data["text"]) for event in outcome.events] == [("w1", "Tell me more"), ("w2", "broken")]
    assert outcome.passed_over == {"no_text": 1}
