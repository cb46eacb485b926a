"""Rules, routes and receivers; the states of rules; alerts, their groups, and the deliveries."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0002"
down_revision = "0001"

INSTANT = sa.DateTime(timezone=True)
IS_OPEN = sa.text("state IN ('pending', 'leased')")


def upgrade() -> None:
    op.create_table(
        "alert_groups",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("labels", pg.JSONB(), nullable=False),
        sa.Column("group_wait", sa.Interval(), nullable=False),
        sa.Column("group_interval", sa.Interval(), nullable=False),
        sa.Column("repeat_interval", sa.Interval(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False, comment="of its last notification"),
        sa.Column("delivery", sa.Uuid(), comment="its last notification"),
        sa.Column("next_at", INSTANT),
        sa.Column("flushed_at", INSTANT),
        sa.Column("notified_at", INSTANT),
        sa.Column("told_firing", pg.ARRAY(sa.Text()), nullable=False),
        sa.Column("told_resolved", pg.ARRAY(sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alert_groups"),
    )
    op.create_index("ix_alert_groups_next_at", "alert_groups", ["next_at"], postgresql_where=sa.text("next_at IS NOT NULL"))
    op.create_index("ix_alert_groups_receiver", "alert_groups", ["tenant", "receiver"])
    op.create_table(
        "alerts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("rank", sa.SmallInteger(), nullable=False),
        sa.Column("labels", pg.JSONB(), nullable=False),
        sa.Column("annotations", pg.JSONB(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text()),
        sa.Column("rule_version", sa.Integer()),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT),
        sa.Column("reason", sa.Text()),
        sa.Column("value", sa.Float()),
        sa.Column("n", sa.BigInteger()),
        sa.Column("opens", sa.Text()),
        sa.Column("case", sa.Text()),
        sa.Column("clock", sa.Text()),
        sa.Column("cycle", sa.Integer()),
        sa.Column("generation", sa.Integer()),
        sa.Column("clock_state", sa.Text()),
        sa.Column("acknowledged_at", INSTANT),
        sa.Column("acknowledged_by", sa.Text()),
        sa.Column("sequence", sa.BigInteger(), nullable=False, comment="of its last event on alerts.events.v1"),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
    )
    op.create_index(
        "ix_alerts_firing_case", "alerts", ["tenant", "case"], postgresql_where=sa.text('ends_at IS NULL AND "case" IS NOT NULL')
    )
    op.create_index("ix_alerts_firing_family", "alerts", ["tenant", "family"], postgresql_where=sa.text("ends_at IS NULL"))
    op.create_index("ix_alerts_tenant_starts_at", "alerts", ["tenant", "starts_at", "id"])
    op.create_index("ux_alerts_firing", "alerts", ["tenant", "fingerprint"], unique=True, postgresql_where=sa.text("ends_at IS NULL"))
    op.create_table(
        "case_facts",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("case", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("team", sa.Text()),
        sa.Column("category", sa.Text()),
        sa.Column("severity", sa.Text()),
        sa.Column("ended", sa.Text(), comment="why none of its clocks can fire any more"),
        sa.PrimaryKeyConstraint("tenant", "case", name="pk_case_facts"),
        comment="what clock events do not say of their case",
    )
    op.create_table(
        "clock_ends",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("clock", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="warning or breached: what can no longer fire by older events"),
        sa.PrimaryKeyConstraint("tenant", "clock", "state", name="pk_clock_ends"),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("group_key", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("trying_since", INSTANT, nullable=False),
        sa.Column("next_at", INSTANT, nullable=False),
        sa.Column("lease_until", INSTANT),
        sa.Column("first_failed_at", INSTANT),
        sa.Column("first_error", sa.Text()),
        sa.Column("last_error", sa.Text()),
        sa.Column("last_status", sa.Integer()),
        sa.Column("finished_at", INSTANT),
        sa.Column("dead_because", sa.Text()),
        sa.Column("superseded_by", sa.Uuid()),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
    )
    op.create_index("ix_deliveries_due", "deliveries", ["next_at"], postgresql_where=IS_OPEN)
    op.create_index("ix_deliveries_newest", "deliveries", ["tenant", "created_at", "id"])
    op.create_index("ix_deliveries_receiver", "deliveries", ["tenant", "receiver", "next_at"], postgresql_where=IS_OPEN)
    op.create_index("uq_deliveries_open", "deliveries", ["tenant", "group_key", "receiver"], unique=True, postgresql_where=IS_OPEN)
    op.create_index("uq_deliveries_sequence", "deliveries", ["tenant", "group_key", "receiver", "sequence"], unique=True)
    op.create_table(
        "group_alerts",
        sa.Column("group", sa.Uuid(), nullable=False),
        sa.Column("alert", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("group", "alert", name="pk_group_alerts"),
    )
    op.create_index("ix_group_alerts_alert", "group_alerts", ["alert"])
    op.create_table(
        "notifications",
        sa.Column("delivery", sa.Uuid(), nullable=False),
        sa.Column("alerts", pg.ARRAY(sa.Uuid()), nullable=False),
        sa.PrimaryKeyConstraint("delivery", name="pk_notifications"),
        comment="which alerts a delivery tells of",
    )
    op.create_table(
        "receivers",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("document", pg.JSONB(), nullable=False, comment="without secrets"),
        sa.Column("secrets", sa.LargeBinary(), comment="encrypted"),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("deleted_at", INSTANT),
        sa.Column("broken_at", INSTANT),
        sa.Column("broken_reason", sa.Text()),
        sa.PrimaryKeyConstraint("tenant", "id", name="pk_receivers"),
    )
    op.create_table(
        "routes",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", pg.JSONB(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", name="pk_routes"),
    )
    op.create_table(
        "rule_states",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("slice", pg.JSONB(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False, comment="where its samples come from: that watermark lets its timers run"),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False, comment="of the sample judged last"),
        sa.Column("as_of", INSTANT),
        sa.Column("active_since", INSTANT),
        sa.Column("started_at", INSTANT),
        sa.Column("clear_since", INSTANT),
        sa.Column("value", sa.Float()),
        sa.Column("n", sa.BigInteger()),
        sa.Column("next_at", INSTANT, comment="on the data's time: it fires when the watermark has reached it"),
        sa.PrimaryKeyConstraint("tenant", "rule", "series", "severity", name="pk_rule_states"),
    )
    op.create_index("ix_rule_states_next_at", "rule_states", ["next_at"], postgresql_where=sa.text("next_at IS NOT NULL"))
    op.create_table(
        "rules",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False, comment="metric or clock"),
        sa.Column("metric", sa.Text()),
        sa.Column("window", sa.Text()),
        sa.Column("document", pg.JSONB(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False, comment="shipped, file or api: whose it is to change"),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("deleted_at", INSTANT, comment="the row stays, so that versions go on"),
        sa.Column("error", sa.Text(), comment="why it cannot be evaluated fully, such as too many series"),
        sa.PrimaryKeyConstraint("tenant", "id", name="pk_rules"),
    )
    op.create_index("ix_rules_live", "rules", ["tenant", "source", "metric", "window"], postgresql_where=sa.text("deleted_at IS NULL"))
    op.create_table(
        "sample_progress",
        sa.Column("partition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("watermark", INSTANT, nullable=False),
        sa.Column("arrived_at", INSTANT, nullable=False, comment="on PostgreSQL's clock"),
        sa.PrimaryKeyConstraint("partition", name="pk_sample_progress"),
        comment="how far samples have come: one row for each partition of the topic",
    )
    op.create_table(
        "seen_events",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("event", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "event", name="pk_seen_events"),
    )
    op.create_table(
        "tenants",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("met_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", name="pk_tenants"),
        comment="tenants that have been given the shipped rules and route",
    )
    op.create_table(
        "wanted_series",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "series", name="pk_wanted_series"),
    )
    op.create_table(
        "delivery_attempts",
        sa.Column("delivery", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("finished_at", INSTANT),
        sa.Column("verdict", sa.Text()),
        sa.Column("status", sa.Integer()),
        sa.Column("detail", sa.Text()),
        sa.ForeignKeyConstraint(["delivery"], ["deliveries.id"], name="fk_delivery_attempts_delivery", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("delivery", "attempt", name="pk_delivery_attempts"),
    )


def downgrade() -> None:
    op.drop_table("delivery_attempts")
    op.drop_table("wanted_series")
    op.drop_table("tenants")
    op.drop_table("seen_events")
    op.drop_table("sample_progress")
    op.drop_table("rules")
    op.drop_table("rule_states")
    op.drop_table("routes")
    op.drop_table("receivers")
    op.drop_table("notifications")
    op.drop_table("group_alerts")
    op.drop_table("deliveries")
    op.drop_table("clock_ends")
    op.drop_table("case_facts")
    op.drop_table("alerts")
    op.drop_table("alert_groups")
