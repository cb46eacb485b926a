"""Facebook Pages and Instagram: mentions are read behind their ids, comments counted where a token allows it."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from services.ingest.adapters import facebook_page, instagram
from services.ingest.adapters.adapter import Endpoint, Fetch, Poll
from tests.ingest.adapters.case import UTC_ZONE
from tests.ingest.adapters.cases.facebook_page import SECRETS
from tests.ingest.adapters.cases.instagram import CASES
from tests.ingest.adapters.cases.instagram import SECRETS as INSTAGRAM
from tests.ingest.adapters.pulling import Recording

NOW = datetime(2026, 3, 19, 10, 5, tzinfo=UTC)
ENDPOINT = Endpoint((INSTAGRAM,), instagram.Options(username="Acme_Example", account_id="17840000000000001"), UTC_ZONE)
MENTION = CASES[2].fetches[0]


async def test_a_mention_in_a_comment_becomes_the_comment() -> None:
    http = Recording(
        b'{"mentioned_comment":{"id":"17850000000000031","text":"@acme_example where is it?","timestamp":"2026-03-19T10:02:41+0000",'
        b'"username":"emily_example","media":{"id":"17900000000000032","permalink":"https://www.instagram.com/p/x/"}},"id":"17840000000000001"}'
    )

    pulled = await instagram.pull(MENTION, ENDPOINT, http, NOW)

    asked = urlsplit(http.calls[0].url)
    assert (asked.netloc, asked.path) == ("graph.facebook.com", "/v23.0/17840000000000001")
    assert parse_qs(asked.query)["fields"][0].startswith("mentioned_comment.comment_id(17850000000000031)")
    assert http.calls[0].headers == {"authorization": "Bearer test-token"}
    assert [(event.id, event.time, event.data) for event in pulled.events] == [
        (
            "17850000000000031",
            datetime(2026, 3, 19, 10, 2, 41, tzinfo=UTC),
            {
                "channel": "social",
                "text": "@acme_example where is it?",
                "author": "emily_example",
                "reply_to": "17900000000000032",
                "url": "https://www.instagram.com/p/x/",
                "tags": {"mention": "yes"},
            },
        )
    ]


async def test_a_mention_in_a_caption_becomes_the_post() -> None:
    http = Recording(b'{"mentioned_media":{"id":"17900000000000032","caption":"thanks acme_example","username":"emily_example"}}')
    fetch = Fetch("mention:17900000000000032", {**MENTION.arguments, "comment": None})

    pulled = await instagram.pull(fetch, ENDPOINT, http, NOW)

    assert "mentioned_media.media_id%2817900000000000032%29" in http.calls[0].url
    assert [(event.id, event.data["text"]) for event in pulled.events] == [("17900000000000032", "thanks acme_example")]


async def test_a_mention_that_we_wrote_ourselves_is_no_feedback() -> None:
    http = Recording(b'{"mentioned_comment":{"id":"1","text":"@us","username":"acme_example"}}')

    pulled = await instagram.pull(MENTION, ENDPOINT, http, NOW)

    assert pulled.events == []


async def test_instagram_says_how_many_comments_our_posts_have() -> None:
    http = Recording(b'{"data":[{"id":"17900000000000007","comments_count":12},{"id":"17900000000000008"}]}')
    [poll] = instagram.poll(ENDPOINT)

    pulled = await instagram.pull(poll.first, ENDPOINT, http, NOW)

    assert pulled.collected == {"17900000000000007": 12}
    assert poll.every_seconds == 3600


async def test_a_page_says_how_many_comments_its_posts_have_replies_included() -> None:
    secrets = facebook_page.Secrets(**SECRETS.model_dump(exclude={"page_access_token"}), page_access_token="test-page-token")
    endpoint = Endpoint((secrets,), facebook_page.Options(page_id="100000000000001"), UTC_ZONE)
    http = Recording(b'{"data":[{"id":"100000000000001_300000000000007","comments":{"data":[],"summary":{"total_count":5}}}]}')

    [poll] = facebook_page.poll(endpoint)
    pulled = await facebook_page.pull(poll.first, endpoint, http, NOW)

    assert poll == Poll(Fetch("posts", {"page": "100000000000001"}), 3600)
    assert pulled.collected == {"100000000000001_300000000000007": 5}
    assert "test-page-token" not in http.calls[0].url


def test_without_a_token_nothing_is_asked_of_meta() -> None:
    polls = facebook_page.poll(Endpoint((SECRETS,), facebook_page.Options(page_id="1"), UTC_ZONE))

    assert polls == []
