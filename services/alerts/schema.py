"""The tables of alerts' database."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from shared.database.metadata import INSTANT, new_metadata
from shared.delivery.tables import delivery_tables

metadata = new_metadata()
delivery_tables(metadata)

tenants = sa.Table(
    "tenants",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("met_at", INSTANT, nullable=False),
    comment="tenants that have been given the shipped rules and route",
)

rules = sa.Table(
    "rules",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("source", sa.Text, nullable=False, comment="metric or clock"),
    sa.Column("metric", sa.Text),
    sa.Column("window", sa.Text),
    sa.Column("document", pg.JSONB, nullable=False),
    sa.Column("origin", sa.Text, nullable=False, comment="shipped, file or api: whose it is to change"),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Column("updated_at", INSTANT, nullable=False),
    sa.Column("deleted_at", INSTANT, comment="the row stays, so that versions go on"),
    sa.Column("error", sa.Text, comment="why it cannot be evaluated fully, such as too many series"),
    sa.Index("ix_rules_live", "tenant", "source", "metric", "window", postgresql_where=sa.text("deleted_at IS NULL")),
)

routes = sa.Table(
    "routes",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("document", pg.JSONB, nullable=False),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("updated_at", INSTANT, nullable=False),
)

receivers = sa.Table(
    "receivers",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("document", pg.JSONB, nullable=False, comment="without secrets"),
    sa.Column("secrets", sa.LargeBinary, comment="encrypted"),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Column("updated_at", INSTANT, nullable=False),
    sa.Column("deleted_at", INSTANT),
    sa.Column("broken_at", INSTANT),
    sa.Column("broken_reason", sa.Text),
)

rule_states = sa.Table(
    "rule_states",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("rule", sa.Text, primary_key=True),
    sa.Column("series", sa.Text, primary_key=True),
    sa.Column("severity", sa.Text, primary_key=True),
    sa.Column("slice", pg.JSONB, nullable=False),
    sa.Column("partition", sa.Integer, nullable=False, comment="where its samples come from: that watermark lets its timers run"),
    sa.Column("rule_version", sa.Integer, nullable=False),
    sa.Column("phase", sa.Text, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False, comment="of the sample judged last"),
    sa.Column("as_of", INSTANT),
    sa.Column("active_since", INSTANT),
    sa.Column("started_at", INSTANT),
    sa.Column("clear_since", INSTANT),
    sa.Column("value", sa.Float),
    sa.Column("n", sa.BigInteger),
    sa.Column("next_at", INSTANT, comment="on the data's time: it fires when the watermark has reached it"),
    sa.Index("ix_rule_states_next_at", "next_at", postgresql_where=sa.text("next_at IS NOT NULL")),
)

sample_progress = sa.Table(
    "sample_progress",
    metadata,
    sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("watermark", INSTANT, nullable=False),
    sa.Column("arrived_at", INSTANT, nullable=False, comment="on PostgreSQL's clock"),
    comment="how far samples have come: one row for each partition of the topic",
)

wanted_series = sa.Table(
    "wanted_series",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("series", sa.Text, primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("wanted", sa.Boolean, nullable=False),
)

seen_events = sa.Table(
    "seen_events",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("event", sa.Uuid, primary_key=True),
    sa.Column("revision", sa.Integer, nullable=False),
)

case_facts = sa.Table(
    "case_facts",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("case", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("team", sa.Text),
    sa.Column("category", sa.Text),
    sa.Column("severity", sa.Text),
    sa.Column("ended", sa.Text, comment="why none of its clocks can fire any more"),
    comment="what clock events do not say of their case",
)

clock_ends = sa.Table(
    "clock_ends",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("clock", sa.Text, primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, primary_key=True, comment="warning or breached: what can no longer fire by older events"),
)

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("family", sa.Text, nullable=False),
    sa.Column("rank", sa.SmallInteger, nullable=False),
    sa.Column("labels", pg.JSONB, nullable=False),
    sa.Column("annotations", pg.JSONB, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("rule", sa.Text),
    sa.Column("rule_version", sa.Integer),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("starts_at", INSTANT, nullable=False),
    sa.Column("ends_at", INSTANT),
    sa.Column("reason", sa.Text),
    sa.Column("value", sa.Float),
    sa.Column("n", sa.BigInteger),
    sa.Column("opens", sa.Text),
    sa.Column("case", sa.Text),
    sa.Column("clock", sa.Text),
    sa.Column("cycle", sa.Integer),
    sa.Column("generation", sa.Integer),
    sa.Column("clock_state", sa.Text),
    sa.Column("acknowledged_at", INSTANT),
    sa.Column("acknowledged_by", sa.Text),
    sa.Column("sequence", sa.BigInteger, nullable=False, comment="of its last event on alerts.events.v1"),
    sa.Column("traceparent", sa.Text, comment="of what fired it, where its trace is recorded"),
    sa.Index("ux_alerts_firing", "tenant", "fingerprint", unique=True, postgresql_where=sa.text("ends_at IS NULL")),
    sa.Index("ix_alerts_firing_case", "tenant", "case", postgresql_where=sa.text('ends_at IS NULL AND "case" IS NOT NULL')),
    sa.Index("ix_alerts_firing_family", "tenant", "family", postgresql_where=sa.text("ends_at IS NULL")),
    sa.Index("ix_alerts_tenant_starts_at", "tenant", "starts_at", "id"),
)

alert_groups = sa.Table(
    "alert_groups",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("receiver", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("labels", pg.JSONB, nullable=False),
    sa.Column("group_wait", sa.Interval, nullable=False),
    sa.Column("group_interval", sa.Interval, nullable=False),
    sa.Column("repeat_interval", sa.Interval, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False, comment="of its last notification"),
    sa.Column("delivery", sa.Uuid, comment="its last notification"),
    sa.Column("next_at", INSTANT),
    sa.Column("flushed_at", INSTANT),
    sa.Column("notified_at", INSTANT),
    sa.Column("told_firing", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("told_resolved", pg.ARRAY(sa.Text), nullable=False),
    sa.Index("ix_alert_groups_next_at", "next_at", postgresql_where=sa.text("next_at IS NOT NULL")),
    sa.Index("ix_alert_groups_receiver", "tenant", "receiver"),
)

group_alerts = sa.Table(
    "group_alerts",
    metadata,
    sa.Column("group", sa.Uuid, primary_key=True),
    sa.Column("alert", sa.Uuid, primary_key=True),
    sa.Index("ix_group_alerts_alert", "alert"),
)

notifications = sa.Table(
    "notifications",
    metadata,
    sa.Column("delivery", sa.Uuid, primary_key=True),
    sa.Column("alerts", pg.ARRAY(sa.Uuid), nullable=False),
    comment="which alerts a delivery tells of",
)
