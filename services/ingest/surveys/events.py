"""The events of surveys, as rows of the outbox, judged by the same intake as everything else that comes in.

One invitation is one `survey_sent`, one `survey_opened`, one `survey_failed` and one `survey_answered` event, whose id is the
invitation's; what is sent, visited or answered again is a repetition, or a higher revision.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from prometheus_client import CollectorRegistry, Counter

from services.ingest.intake import Intake
from services.ingest.surveys.domain.answers import Given, answers
from services.ingest.surveys.domain.definition import Way
from services.ingest.surveys.domain.questions import Question
from services.ingest.surveys.store.invitations import Invitation
from shared.database.outbox import OutboxRecord
from shared.observability.tracing import current_traceparent, traceparent_from

CHANNELS: dict[Way, str] = {
    "email": "email", "sms": "sms", "wechat": "messaging", "call": "phone", "link": "web", "chat": "chat", "ivr": "phone",
}  # fmt: skip
AT_A_PLACE = "store"


class SurveyEvents:
    """Makes the records, and counts what only the operator is told."""

    def __init__(self, intake: Intake, registry: CollectorRegistry) -> None:
        self._intake = intake
        self._coupons_missing = Counter(
            "hearback_ingest_survey_coupons_missing", "Completed surveys for which no coupon code was left.", registry=registry
        )

    def coupon_missing(self) -> None:
        """Somebody has earned a code, and there is none."""
        self._coupons_missing.inc()

    def redacted(self, tenant: str, sent: Mapping[str, Given | None]) -> dict[str, Given | None]:
        """Answers by question as they may be kept: what was typed has the tenant's marks, also when its author comes back to it."""

        def marked(given: Given) -> Given:
            return {field: self._intake.redacted(tenant, str(value)) if field == "text" else value for field, value in given.items()}

        return {question: given and marked(given) for question, given in sent.items()}

    def contact(self, invitation: Invitation, what: Literal["sent", "opened", "failed"], now: datetime) -> list[OutboxRecord]:
        """A survey was sent, visited, or could not be sent for the invitation's reason."""
        data = {"survey": invitation.survey, "invitation": invitation.id, "mode": invitation.mode}
        if invitation.case_id is not None:
            data["case"] = invitation.case_id
        if what == "failed" and invitation.reason is not None:
            data["reason"] = invitation.reason
        return self._records(invitation, f"feedback.survey_{what}.v1", f"{invitation.id}:{what}", data, now)

    def answered(self, invitation: Invitation, questions: Sequence[Question], now: datetime) -> list[OutboxRecord]:
        """All answers so far, as the invitation's present revision; nothing while every question was passed over."""
        given = {name: one for name, one in invitation.given.items() if one is not None}
        found = answers(questions, given)
        if not found:
            return []
        data: dict[str, Any] = {"survey": invitation.survey, "answers": found, "revision": invitation.revision}
        if invitation.place is None:  # who walks in was not invited, and is no part of the response rate
            data["invitation"] = invitation.id
        if invitation.case_id is not None:
            data["case"] = invitation.case_id
        if invitation.flags:
            data["tags"] = {**invitation.context.get("tags", {}), "flags": " ".join(invitation.flags)}
        return self._records(invitation, "feedback.survey_answered.v1", invitation.id, data, now)

    def form(self, tenant: str, endpoint: str, type: str, id: str, data: Mapping[str, Any], now: datetime) -> list[OutboxRecord]:
        """What somebody wrote on the public form."""
        return self._judged(tenant, f"/channels/form/{endpoint}", type, id, data, now)

    def _records(self, invitation: Invitation, type: str, id: str, data: Mapping[str, Any], now: datetime) -> list[OutboxRecord]:
        channel = CHANNELS[invitation.way] if invitation.place is None else AT_A_PLACE
        common = {"channel": channel, "language": invitation.language, **invitation.context}
        if customer := _customer(invitation):
            common["customer"] = customer
        return self._judged(invitation.tenant, f"/surveys/{invitation.survey}", type, id, {**common, **data}, now)

    def _judged(self, tenant: str, source: str, type: str, id: str, data: Mapping[str, Any], now: datetime) -> list[OutboxRecord]:
        item = msgspec.json.encode({"type": type, "id": id, "source": source, "time": now, "data": data})
        trace = traceparent_from(current_traceparent.get())
        return self._intake.spool_rows([self._intake.judge(tenant, item, source=source, id=id, now=now, traceparent=trace)])


def _customer(invitation: Invitation) -> dict[str, Any]:
    """The customer's id; where there is none, by what else they can be found."""
    reached = invitation.reached
    by = {"id": reached.customer} if reached.customer else {"email": reached.email, "phone": reached.phone}
    found = {**by, "segment": reached.segment}
    return {name: value for name, value in found.items() if value is not None}
