"""Contact Lens's analysis of a contact: the customer's words, with their sentiment from -5 to 5 as a rating.

The file names no time, so the analysis counts from its arrival. https://docs.aws.amazon.com/connect/latest/adminguide/
contact-lens-example-output-files.html
"""

from collections.abc import Collection
from datetime import datetime

from services.ingest.adapters.adapter import ChannelEvent
from services.ingest.adapters.connect_records import channel_of
from services.ingest.adapters.conversations import NO_TEXT
from services.ingest.adapters.node import Node, id_of
from services.ingest.adapters.questions import present
from services.ingest.adapters.scales import pointed
from shared.contracts.fields import TEXT_LENGTH

CUSTOMER = "CUSTOMER"


def analysis(found: Node, complaint_categories: Collection[str], at: datetime) -> ChannelEvent | str:
    """A comment with a rating, or a complaint where one of the contact's categories is said to be one."""
    if found["JobStatus"].text() not in (None, "COMPLETED"):
        return "not_analysed"
    customers = {one["ParticipantId"].text() for one in found["Participants"] if one["ParticipantRole"].text() == CUSTOMER} or {CUSTOMER}
    words = [turn["Content"].text() for turn in found["Transcript"] if turn["ParticipantId"].text() in customers]
    text = Node("\n".join(word for word in words if word)).text(TEXT_LENGTH)
    sentiment = found["ConversationCharacteristics"]["Sentiment"]["OverallSentiment"][CUSTOMER]
    rating = pointed(sentiment.number(), -5, 5)
    if text is None and rating is None:
        return "no_words"
    contact = found["CustomerMetadata"]["ContactId"].required_id()
    categories = [category.name() for category in found["Categories"]["MatchedCategories"]]
    complaint = next((category for category in categories if category in complaint_categories), None)
    common = present(channel=channel_of(found["Channel"]), interaction_id=contact, language=found["LanguageCode"].language())
    id = id_of(contact, "lens")
    if complaint is not None:
        tags = present(sentiment=sentiment.name())
        return ChannelEvent(
            "feedback.complaint_raised.v1", id, at, {**common, "text": text or NO_TEXT, "category": complaint, "tags": tags}
        )
    scored = {} if rating is None else {"rating": rating["score"], "scale_min": -5, "scale_max": 5}
    tags = present(category=next((category for category in categories if category), None))
    return ChannelEvent("feedback.comment_posted.v1", id, at, present(**common, text=text or NO_TEXT, tags=tags, **scored))
