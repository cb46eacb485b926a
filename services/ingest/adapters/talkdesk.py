"""Talkdesk: a CSAT score by its HTTP notifier, whose body the administrator designs; or its Events API, signed with ECDSA.

With the scheme `ecdsa` the endpoint's secret is the public key that Talkdesk publishes under /events/signature-keys.
https://support.talkdesk.com/hc/en-us/articles/115005569183
"""

from services.ingest.adapters.generic import preset
from services.ingest.adapters.mapping import Asked, EventMapping, Source
from services.ingest.adapters.schemes import HeaderToken

_RATED = EventMapping(
    type="feedback.survey_answered",
    only_if={"$.event": ("csat_score_received",)},
    id=("$.call_id",),
    id_suffix=":csat",
    time="$.timestamp",
    fields={
        "channel": Source(value="phone"),
        "survey": Source(value="talkdesk_csat"),
        "interaction_id": "$.call_id",
        "agent": "$.agent_email",
        "team": "$.ring_group",
        "customer.phone": "$.contact_number",
        "comment": "$.comment",
    },
    answers=(Asked(question="csat", instrument="csat", scale_min=1, scale_max=5, path="$.score"),),
)

ADAPTER = preset(
    "talkdesk",
    "Talkdesk",
    HeaderToken(),
    (_RATED,),
    (
        "In Talkdesk open Admin, Integrations, HTTP Notifier (or Connections), an action for CSAT score received: POST, JSON, to {url}",
        "Send the header x-hearback-token with this endpoint's secret; the notifier signs nothing",
        "Body: event, call_id, contact_number, agent_email, ring_group, score, comment, timestamp; another design needs its own mapping",
        "With the Events API choose the scheme ecdsa and give the public key of /events/signature-keys as the secret",
        "Test: rate a call, and look at the endpoint's counts",
    ),
)
