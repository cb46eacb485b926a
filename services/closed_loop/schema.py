"""The tables of closed_loop's database."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from shared.database.metadata import INSTANT, new_metadata

metadata = new_metadata()

seen_events = sa.Table(
    "seen_events",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("event", sa.Uuid, primary_key=True),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("meaning", sa.Text, nullable=False),
    sa.Column("case_id", sa.Text),
    comment="one row per event that could mean something to a case, with what it meant",
)

cases = sa.Table(
    "cases",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("origin_source", sa.Text, nullable=False),
    sa.Column("origin_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False, comment="+1 with every command and every event that changes the case"),
    sa.Column("sequence", sa.BigInteger, nullable=False, comment="of the last event announced about the case or its clocks"),
    sa.Column("backfill", sa.Boolean, nullable=False),
    sa.Column("silent", sa.Boolean, nullable=False, comment="from history, and no person has commanded anything yet"),
    sa.Column("customer", sa.Text),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("category", sa.Text),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("segment", sa.Text),
    sa.Column("product", sa.Text),
    sa.Column("region", sa.Text),
    sa.Column("language", sa.Text),
    sa.Column("team", sa.Text),
    sa.Column("owner", sa.Text),
    sa.Column("received_at", INSTANT, nullable=False),
    sa.Column("opened_at", INSTANT, nullable=False),
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("policy_version", sa.Integer, nullable=False),
    sa.Column("closes_with", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("acknowledged_at", INSTANT),
    sa.Column("responded_at", INSTANT),
    sa.Column("informed_at", INSTANT),
    sa.Column("resolved_at", INSTANT),
    sa.Column("closed_at", INSTANT),
    sa.Column("next_step", sa.Text),
    sa.Column("promised_at", INSTANT),
    sa.Column("outcome", sa.Text),
    sa.Column("pause_reason", sa.Text),
    sa.Column("paused_until", INSTANT),
    sa.Column("withdrawal_offered_at", INSTANT),
    sa.Column("traceparent", sa.Text, comment="of the event that opened it, where its trace is recorded"),
    sa.UniqueConstraint("tenant", "origin_source", "origin_id"),
    sa.Index(None, "tenant", "opened_at", "id"),
    sa.Index(None, "tenant", "customer"),
)

clocks = sa.Table(
    "clocks",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("case_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False, server_default="normal", comment="of its case: what fires first"),
    sa.Column("spec", pg.JSONB, nullable=False),
    sa.Column("calendar_id", sa.Text, nullable=False),
    sa.Column("calendar_version", sa.Integer, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("activity", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False, comment="as of the last change; a due that passed since shows in due_at"),
    sa.Column("cycle", sa.Integer, nullable=False),
    sa.Column("due_at", INSTANT),
    sa.Column("breached_at", INSTANT),
    sa.Column("next_at", INSTANT, comment="when the timer fires; null for none"),
    sa.UniqueConstraint("tenant", "case_id", "kind"),
    sa.ForeignKeyConstraint(["tenant", "case_id"], ["cases.tenant", "cases.id"]),
    sa.Index(None, "severity", "next_at", postgresql_where=sa.text("next_at IS NOT NULL")),
)

clock_facts = sa.Table(
    "clock_facts",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("clock", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True, comment="what the fact is known from"),
    sa.Column("position", sa.BigInteger, sa.Identity(always=True), nullable=False),
    sa.Column("at", INSTANT, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("target", pg.JSONB),
    sa.Column("reason", sa.Text),
    sa.ForeignKeyConstraint(["tenant", "clock"], ["clocks.tenant", "clocks.id"]),
)

clock_announcements = sa.Table(
    "clock_announcements",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("clock", sa.Text, primary_key=True),
    sa.Column("cycle", sa.Integer, primary_key=True),
    sa.Column("generation", sa.Integer, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("percent", sa.Integer, primary_key=True, comment="of a warning; 0 for a breach"),
    sa.Column("at", INSTANT, nullable=False, comment="when it happened"),
    sa.Column("detected_at", INSTANT, nullable=False),
    sa.Column("told", sa.Boolean, nullable=False, comment="false: passed over in silence"),
    sa.Column("retracted", sa.Boolean, nullable=False),
    sa.ForeignKeyConstraint(["tenant", "clock"], ["clocks.tenant", "clocks.id"]),
)

journal = sa.Table(
    "journal",
    metadata,
    sa.Column("position", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("case_id", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False, comment="of the case after it"),
    sa.Column("at", INSTANT, nullable=False),
    sa.Column("entry", sa.Text, nullable=False, comment="a command, the type of an event that came, or of one that was announced"),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("via", sa.Text, nullable=False, comment="where it came from"),
    sa.Column("text", sa.Text, comment="what somebody said or wrote: the only personal data of the journal"),
    sa.Column("details", pg.JSONB, nullable=False),
    sa.ForeignKeyConstraint(["tenant", "case_id"], ["cases.tenant", "cases.id"]),
    sa.Index(None, "tenant", "case_id", "position"),
    comment="append-only: everything that was done to a case or announced about it",
)

policies = sa.Table(
    "policies",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False, comment="from 2 on; 1 is the built-in default"),
    sa.Column("document", pg.JSONB, nullable=False),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
)

calendars = sa.Table(
    "calendars",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("document", pg.JSONB, nullable=False),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
)
