"""The tables of surveys, and those of deliveries, on ingest's metadata."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from services.ingest.schema import metadata
from shared.database.metadata import INSTANT
from shared.delivery.tables import delivery_tables

delivery_tables(metadata)

surveys = sa.Table(
    "surveys",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("zone", sa.Text, nullable=False, comment="of customers whose own is not known, and of the waves' calendar"),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("next_wave_at", INSTANT, comment="null for none"),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Index(None, "next_wave_at", postgresql_where=sa.text("next_wave_at IS NOT NULL")),
)

survey_versions = sa.Table(
    "survey_versions",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("survey", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("document", pg.JSONB, nullable=False),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.ForeignKeyConstraint(["tenant", "survey"], ["surveys.tenant", "surveys.id"]),
)

survey_invitations = sa.Table(
    "survey_invitations",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("survey", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, comment="planned, sent, walked_in, passed_over, cancelled, failed"),
    sa.Column("reason", sa.Text, comment="of the last three"),
    sa.Column("case_id", sa.Text),
    sa.Column("person", sa.Text, comment="the key by which a customer is counted; null for nobody in particular"),
    sa.Column("person_keys", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("contact", pg.JSONB, nullable=False, comment="personal"),
    sa.Column("context", pg.JSONB, nullable=False, comment="what every event about it says beside the customer"),
    sa.Column("place", sa.Text, comment="where somebody walked in and answered without having been asked"),
    sa.Column("segment", sa.Text, nullable=False),
    sa.Column("region", sa.Text, nullable=False),
    sa.Column("product", sa.Text, nullable=False),
    sa.Column("period", sa.Text, comment="of a wave"),
    sa.Column("way", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("sends", sa.Integer, nullable=False, comment="invitation and reminders given to delivery"),
    sa.Column("reminders", sa.Integer, nullable=False, comment="how many may follow"),
    sa.Column("next_at", INSTANT, comment="when to send next; null for never"),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Column("expires_at", INSTANT, nullable=False),
    sa.Column("sent_at", INSTANT),
    sa.Column("opened_at", INSTANT),
    sa.Column("answered_at", INSTANT, comment="the first answer"),
    sa.Column("finished_at", INSTANT),
    sa.Column("revision", sa.Integer, nullable=False, comment="of the event that the answers are"),
    sa.Column("given", pg.JSONB, nullable=False, comment="answers by question; null for one passed over"),
    sa.Column("flags", pg.ARRAY(sa.Text), nullable=False),
    sa.ForeignKeyConstraint(
        ["tenant", "survey", "version"], ["survey_versions.tenant", "survey_versions.survey", "survey_versions.version"]
    ),
    sa.Index(None, "next_at", postgresql_where=sa.text("next_at IS NOT NULL")),
    sa.Index(None, "tenant", "survey", "created_at", "id"),
    # without a list of what is still to be sorted in, which every search would read from end to end
    sa.Index(None, "person_keys", postgresql_using="gin", postgresql_with={"fastupdate": "off"}),
)

survey_tokens = sa.Table(
    "survey_tokens",
    metadata,
    sa.Column("hash", sa.LargeBinary, primary_key=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("invitation", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False, comment="answer or unsubscribe"),
    sa.Column("expires_at", INSTANT, nullable=False),
    sa.ForeignKeyConstraint(["tenant", "invitation"], ["survey_invitations.tenant", "survey_invitations.id"]),
    sa.Index(None, "tenant", "invitation"),
)

survey_opt_outs = sa.Table(
    "survey_opt_outs",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("person_key", sa.Text, primary_key=True),
    sa.Column("at", INSTANT, nullable=False),
    sa.Column("via", sa.Text, nullable=False),
)

survey_contacts = sa.Table(
    "survey_contacts",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, primary_key=True),
    sa.Column("touchpoint", sa.Text, primary_key=True, comment="empty where none is named"),
    sa.Column("contact", pg.JSONB, nullable=False, comment="personal"),
    sa.Column("segment", sa.Text, nullable=False),
    sa.Column("region", sa.Text, nullable=False),
    sa.Column("product", sa.Text, nullable=False),
    sa.Column("last_at", INSTANT, nullable=False),
    sa.Index(None, "tenant", "last_at"),
    comment="whom the tenant met last where: the base of waves",
)

survey_strata = sa.Table(
    "survey_strata",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("survey", sa.Text, primary_key=True),
    sa.Column("period", sa.Text, primary_key=True),
    sa.Column("segment", sa.Text, primary_key=True),
    sa.Column("region", sa.Text, primary_key=True),
    sa.Column("product", sa.Text, primary_key=True),
    sa.Column("base", sa.Integer, nullable=False),
    sa.Column("wanted", sa.Integer, nullable=False),
    sa.Column("planned", sa.Integer, server_default="0", nullable=False, comment="how many of those wanted are planned so far"),
    sa.Column("open", sa.Boolean, server_default=sa.false(), nullable=False, comment="whether somebody may still have to be planned"),
    sa.ForeignKeyConstraint(["tenant", "survey"], ["surveys.tenant", "surveys.id"]),
    sa.Index("ix_survey_strata_open", "tenant", "survey", "period", postgresql_where=sa.text("open")),
)

survey_drawn = sa.Table(
    "survey_drawn",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("survey", sa.Text, primary_key=True),
    sa.Column("period", sa.Text, primary_key=True),
    sa.Column("segment", sa.Text, primary_key=True),
    sa.Column("region", sa.Text, primary_key=True),
    sa.Column("product", sa.Text, primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False, comment="in the order of the draw"),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("contact", pg.JSONB, nullable=False, comment="personal"),
    sa.Column("context", pg.JSONB, nullable=False),
    sa.ForeignKeyConstraint(
        ["tenant", "survey", "period", "segment", "region", "product"],
        [f"survey_strata.{name}" for name in ("tenant", "survey", "period", "segment", "region", "product")],
    ),
    comment="those of a wave who are not planned yet; a stratum that has as many as it wants leaves nobody here",
)

survey_undeliverable = sa.Table(
    "survey_undeliverable",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("address_hash", sa.Text, primary_key=True, comment="as in message.delivery_failed"),
    sa.Column("at", INSTANT, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    comment="addresses that take nothing for good",
)

survey_addresses = sa.Table(
    "survey_addresses",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("person_key", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True, comment="email or phone"),
    sa.Column("sealed", sa.Text, nullable=False),
    sa.Column("last_at", INSTANT, nullable=False),
    comment="of customers with pseudonyms, where the tenant wants surveys to reach them",
)

survey_senders = sa.Table(
    "survey_senders",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("way", sa.Text, primary_key=True),
    sa.Column("settings", pg.JSONB, nullable=False, comment="what may be shown"),
    sa.Column("sealed", sa.LargeBinary, nullable=False, comment="the password, token or secret"),
    sa.Column("per_second", sa.Double, nullable=False),
    sa.Column("updated_at", INSTANT, nullable=False),
    comment="what a tenant sends by, where it is not the installation's",
)

survey_pace = sa.Table(
    "survey_pace",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True, comment="empty for the installation's own sender"),
    sa.Column("way", sa.Text, primary_key=True),
    sa.Column("free_at", INSTANT, nullable=False, comment="when the next message may go"),
)

survey_notes = sa.Table(
    "survey_notes",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("survey", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("texts", pg.JSONB, nullable=False),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Column("told_up_to", sa.Text, nullable=False, comment="the last invitation whose respondent is being told"),
    sa.Column("next_at", INSTANT, comment="null when everybody is"),
    sa.ForeignKeyConstraint(["tenant", "survey"], ["surveys.tenant", "surveys.id"]),
    sa.Index(None, "next_at", postgresql_where=sa.text("next_at IS NOT NULL")),
    comment="what was changed, as respondents are told",
)

survey_places = sa.Table(
    "survey_places",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True, comment="stands in the public address"),
    sa.Column("survey", sa.Text, nullable=False),
    sa.Column("context", pg.JSONB, nullable=False, comment="what every answer given there says"),
    sa.Column("kiosk", sa.Boolean, nullable=False, comment="one screen for many people, who must not see each other's answers"),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Column("closed_at", INSTANT),
    sa.ForeignKeyConstraint(["tenant", "survey"], ["surveys.tenant", "surveys.id"]),
    sa.Index(None, "id", unique=True),
    comment="standing addresses at which anybody may answer",
)

survey_replies = sa.Table(
    "survey_replies",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("message", sa.Uuid, primary_key=True, comment="hash of the event's source and id"),
    sa.Column("invitation", sa.Text, nullable=False),
    sa.Column("at", INSTANT, nullable=False),
    comment="messages that were answers, so that each is one once",
)

survey_rewards = sa.Table(
    "survey_rewards",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("survey", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False, comment="1, 2, 3 … without gaps"),
    sa.Column("invitation", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False, comment="points, coupon, draw"),
    sa.Column("points", sa.Integer),
    sa.Column("at", INSTANT, nullable=False),
    sa.ForeignKeyConstraint(["tenant", "invitation"], ["survey_invitations.tenant", "survey_invitations.id"]),
    sa.Index(None, "tenant", "invitation", unique=True),
    comment="what a completed survey has earned, whatever its answers are",
)

survey_coupons = sa.Table(
    "survey_coupons",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("survey", sa.Text, primary_key=True),
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("position", sa.BigInteger, sa.Identity(), nullable=False, comment="in the order in which they came"),
    sa.Column("invitation", sa.Text, comment="whose completion it was given for; null while it is free"),
    sa.ForeignKeyConstraint(["tenant", "survey"], ["surveys.tenant", "surveys.id"]),
    sa.Index("ix_survey_coupons_free", "tenant", "survey", "position", postgresql_where=sa.text("invitation IS NULL")),
    sa.Index("ix_survey_coupons_given", "tenant", "invitation", unique=True, postgresql_where=sa.text("invitation IS NOT NULL")),
)

survey_draws = sa.Table(
    "survey_draws",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("survey", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("seed", sa.Text, nullable=False),
    sa.Column("up_to", sa.Integer, nullable=False, comment="the last reward that took part; the next draw begins after it"),
    sa.Column("entrants", pg.ARRAY(sa.Integer), nullable=False, comment="numbers of rewards"),
    sa.Column("winners", pg.ARRAY(sa.Integer), nullable=False, comment="numbers of rewards, in the order in which they were drawn"),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.ForeignKeyConstraint(["tenant", "survey"], ["surveys.tenant", "surveys.id"]),
)
