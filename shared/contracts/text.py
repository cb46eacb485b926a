"""What scoring found in a text, sent with the whole source event so that closed_loop needs no second look-up."""

from shared.contracts.fields import Id, JsonObject, Language, Name, Record, Revision, Share, Source


class AnalysedOrigin(Record):
    """The event that holds the text, and the revision that was read."""

    source: Source
    id: Id
    revision: Revision


class TextAnalysed(Record):
    """Language, sentiment (-1 to 1) and category of one text; `event` is the source event as it lay on its topic.

    `first` is false for a re-analysis, which may never open a case. A reader gets the typed source event with
    `decode(msgspec.json.encode(analysed.event))`.
    """

    origin: AnalysedOrigin
    event: JsonObject
    model: Name
    language: Language | None = None
    sentiment: float | None = None
    category: Name | None = None
    probability: Share | None = None
    first: bool
