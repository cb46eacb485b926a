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
    sa.Column("state", sa.Text, nullable=False, comment="planned, sent, passed_over, cancelled, failed"),
    sa.Column("reason", sa.Text, comment="of the last three"),
    sa.Column("case_id", sa.Text),
    sa.Column("person", sa.Text, comment="the key by which a customer is counted; null for nobody in particular"),
    sa.Column("person_keys", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("contact", pg.JSONB, nullable=False, comment="personal"),
    sa.Column("context", pg.JSONB, nullable=False, comment="what every event about it says beside the customer"),
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
    sa.Index(None, "tenant", "person", "sent_at"),
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
    sa.ForeignKeyConstraint(["tenant", "survey"], ["surveys.tenant", "surveys.id"]),
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
