"""Five9 Event Subscription: a contact that was given its disposition, and the rating that the IVR put into a call variable.

Five9 does not publish the body: this is the mapping of one administrator's, to be replaced by your own.
"""

from services.ingest.adapters.generic import preset
from services.ingest.adapters.mapping import Asked, EventMapping, Source
from services.ingest.adapters.schemes import HeaderToken

_DISPOSITIONED: dict[str, tuple[str, ...]] = {"$.event": ("Dispositioned",)}
_CHANNEL = Source(
    path="$.mediaType",
    words={"voice": "phone", "email": "email", "chat": "chat", "sms": "sms", "social": "social", "video": "phone"},
    otherwise="other",
)
_COMMON: dict[str, str | Source] = {
    "channel": _CHANNEL,
    "interaction_id": "$.interactionId",
    "agent": "$.agent",
    "touchpoint": "$.campaign",
    "customer.id": "$.callVariables['Customer.id']",
    "customer.phone": "$.ani",
}

_EVENTS = (
    EventMapping(
        type="interaction.completed",
        only_if=_DISPOSITIONED,
        id=("$.interactionId",),
        time="$.startTimestamp",
        fields={**_COMMON, "disposition": "$.disposition", "handled_by": Source(value="human")},
    ),
    EventMapping(
        type="feedback.survey_answered",
        only_if=_DISPOSITIONED,
        id=("$.interactionId",),
        id_suffix=":csat",
        time="$.startTimestamp",
        fields={**_COMMON, "survey": Source(value="five9_csat")},
        answers=(Asked(question="csat", instrument="csat", scale_min=1, scale_max=5, path="$.callVariables['Survey.csat']"),),
    ),
)

ADAPTER = preset(
    "five9",
    "Five9",
    HeaderToken(),
    _EVENTS,
    (
        "In Five9 open the administrator console, Event Subscription, and add an HTTPS subscription of the group InteractionEvent to {url}",
        "Event: Dispositioned; choose an authentication profile that sends the header x-hearback-token with this endpoint's secret, "
        "or Basic and the scheme basic with user:password",
        "Five9 does not publish the body: send one, look at it with this endpoint's /try, and write the mapping to fit",
        "Test: end a call with a disposition, and look at the endpoint's counts",
    ),
)
