"""Every event type: the model of its data, the topics it travels on, and who writes it."""

from dataclasses import dataclass

from shared.contracts import access, alerts, cases, clocks, customers, feedback, interactions, metrics, surveys, text, topics
from shared.contracts.fields import Record


@dataclass(frozen=True)
class EventType:
    """One type. Only those that travel on the feedback topics may be sent by clients."""

    name: str
    data: type[Record]
    topics: tuple[str, ...]
    written_by: str

    @property
    def from_clients(self) -> bool:
        """Whether ingest takes it from outside."""
        return topics.FEEDBACK_EVENTS in self.topics


_FEEDBACK_TOPICS = (topics.FEEDBACK_EVENTS, topics.FEEDBACK_BACKFILL)

_BY_TOPIC: tuple[tuple[tuple[str, ...], dict[str, type[Record]]], ...] = (
    (
        _FEEDBACK_TOPICS,
        {
            "feedback.survey_sent": feedback.SurveyContact,
            "feedback.survey_opened": feedback.SurveyContact,
            "feedback.survey_failed": feedback.SurveyContact,
            "feedback.survey_answered": feedback.SurveyAnswered,
            "feedback.complaint_raised": feedback.ComplaintRaised,
            "feedback.comment_posted": feedback.CommentPosted,
            "feedback.idea_submitted": feedback.IdeaSubmitted,
            "feedback.message_received": feedback.MessageReceived,
            "feedback.observed": feedback.Observed,
            "interaction.replied": interactions.InteractionReplied,
            "interaction.completed": interactions.InteractionCompleted,
            "message.delivery_failed": interactions.MessageDeliveryFailed,
            "customer.purchased": customers.CustomerPurchased,
            "customer.renewed": customers.CustomerRenewed,
            "customer.churned": customers.CustomerChurned,
            "customer.referred": customers.CustomerReferred,
        },
    ),
    ((topics.TEXT_ANALYSED,), {"text.analysed": text.TextAnalysed}),
    ((topics.CUSTOMERS_EVENTS,), {f"customer.{change}": customers.DirectoryChange for change in ("merged", "unmerged", "erased")}),
    ((topics.METRICS_UPDATED,), {"metric.sampled": metrics.MetricSampled}),
    ((topics.SERIES_WANTED,), {"series.wanted": metrics.SeriesWanted}),
    (
        (topics.CASES_EVENTS,),
        {
            **{
                f"case.{change}": cases.CaseEvent
                for change in ("opened", "changed", "linked", "merged", "split", "reopened", "closed", "withdrawn", "erased")
            },
            **{
                f"clock.{change}": clocks.ClockEvent
                for change in ("started", "warned", "breached", "retracted", "rescheduled", "paused", "resumed", "met", "cancelled")
            },
        },
    ),
    ((topics.SURVEYS_REQUESTS,), {"survey.requested": surveys.SurveyRequested, "survey.cancelled": surveys.SurveyCancelled}),
    (
        (topics.ALERTS_EVENTS,),
        {f"alert.{change}": alerts.AlertEvent for change in ("fired", "acknowledged", "resolved", "notified", "plan_statement_released")},
    ),
    (
        (topics.ACCESS,),
        {
            "access.tenant": access.TenantRecord,
            "access.person": access.PersonRecord,
            "access.key": access.KeyRecord,
            "access.session": access.SessionRecord,
        },
    ),
)

EVENT_TYPES: dict[str, EventType] = {
    f"{name}.v1": EventType(f"{name}.v1", data, on, topics.TOPICS[on[0]].written_by)
    for on, types in _BY_TOPIC
    for name, data in types.items()
}
"""Every event type by its full name, such as `feedback.complaint_raised.v1`."""
