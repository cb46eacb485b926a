"""Which events make a customer eligible for which survey."""

from typing import Any

from services.ingest.surveys.domain.definition import SurveyDocument, Trigger


def triggered(survey: SurveyDocument, event: Any) -> bool:
    """Whether this event asks for this survey."""
    return any(_matches(trigger, event) for trigger in survey.triggers)


def _matches(trigger: Trigger, event: Any) -> bool:
    return trigger.type == event.type and all(_value(event.data, name) in values for name, values in trigger.where.items())


def _value(data: Any, name: str) -> str | None:
    """A field of the event, or `customer.<field>`, or `tags.<key>`, as text."""
    if name.startswith("tags."):
        return data.tags.get(name.removeprefix("tags.")) if data.tags else None
    owner = data
    if name.startswith("customer."):
        owner, name = data.customer, name.removeprefix("customer.")
    value = getattr(owner, name, None)
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)
