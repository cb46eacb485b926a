"""Zendesk triggers and automations: a webhook whose body the administrator writes from placeholders, for satisfaction ratings.

A rating has no time and no number of its own in the body, so the ticket is its id and the signature's timestamp tells which is newer.
https://developer.zendesk.com/documentation/webhooks/verifying/
"""

from services.ingest.adapters.generic import preset
from services.ingest.adapters.mapping import Asked, EventMapping, Source
from services.ingest.adapters.schemes import Hmac

_SIGNED = Hmac(
    header="X-Zendesk-Webhook-Signature",
    written="base64",
    timestamp_header="X-Zendesk-Webhook-Signature-Timestamp",
    timestamp_written="iso",
)
_RATED = EventMapping(
    type="feedback.survey_answered",
    id=("$.ticket_id",),
    id_suffix=":satisfaction",
    revision="signed_at",
    fields={
        "channel": Source(
            path="$.channel",
            words={"email": "email", "mail": "email", "chat": "chat", "messaging": "messaging", "phone": "phone", "voice": "phone"},
            otherwise="web",
        ),
        "survey": Source(value="zendesk_satisfaction"),
        "interaction_id": "$.ticket_id",
        "agent": "$.assignee",
        "customer.email": "$.requester_email",
        "comment": "$.satisfaction_comment",
    },
    answers=(
        Asked(
            question="satisfaction",
            instrument="csat",
            scale_min=0,
            scale_max=1,
            path="$.current_rating",
            points={"good": 1, "good with comment": 1, "goodwithcomment": 1, "bad": 0, "bad with comment": 0, "badwithcomment": 0},
        ),
    ),
)

ADAPTER = preset(
    "zendesk_trigger",
    "Zendesk trigger",
    _SIGNED,
    (_RATED,),
    (
        "In Zendesk open Admin Center, Apps and integrations, Webhooks, Create webhook, Trigger or automation",
        "Endpoint URL: {url}; Request method POST, request format JSON",
        "When it is made, reveal its signing secret and give it to this endpoint: POST {public}/v1/endpoints/{id}/rotate with "
        '{"secrets": {"secret": "…"}}',
        'Create a trigger: Ticket satisfaction is Good or Bad, action Notify webhook, with the JSON body {"ticket_id":"{{ticket.id}}",'
        '"current_rating":"{{satisfaction.current_rating}}","satisfaction_comment":"{{satisfaction.current_comment}}",'
        '"assignee":"{{ticket.assignee.name}}","requester_email":"{{ticket.requester.email}}","channel":"{{ticket.via}}"}',
        "In a language other than English the ratings have other words: give them points in the mapping",
        "Test: Test webhook in Zendesk, then rate a ticket",
    ),
)
