"""Surveys: definitions, invitations and their tokens, opt-outs, customers met, samples; and the deliveries that send them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0003"
down_revision = "0002"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
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
        sa.Column("lease_until", INSTANT, nullable=True),
        sa.Column("first_failed_at", INSTANT, nullable=True),
        sa.Column("first_error", sa.Text(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("dead_because", sa.Text(), nullable=True),
        sa.Column("superseded_by", sa.Uuid(), nullable=True),
        sa.Column("traceparent", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
    )
    op.create_index(
        "ix_deliveries_due", "deliveries", ["next_at"], unique=False, postgresql_where=sa.text("state IN ('pending', 'leased')")
    )
    op.create_index("ix_deliveries_newest", "deliveries", ["tenant", "created_at", "id"], unique=False)
    op.create_index(
        "ix_deliveries_receiver",
        "deliveries",
        ["tenant", "receiver", "next_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('pending', 'leased')"),
    )
    op.create_index(
        "uq_deliveries_open",
        "deliveries",
        ["tenant", "group_key", "receiver"],
        unique=True,
        postgresql_where=sa.text("state IN ('pending', 'leased')"),
    )
    op.create_index("uq_deliveries_sequence", "deliveries", ["tenant", "group_key", "receiver", "sequence"], unique=True)
    op.create_table(
        "delivery_attempts",
        sa.Column("delivery", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["delivery"], ["deliveries.id"], name="fk_delivery_attempts_delivery", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("delivery", "attempt", name="pk_delivery_attempts"),
    )
    op.create_table(
        "surveys",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False, comment="of customers whose own is not known, and of the waves' calendar"),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("next_wave_at", INSTANT, nullable=True, comment="null for none"),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name="pk_surveys"),
    )
    op.create_index(
        "ix_surveys_next_wave_at", "surveys", ["next_wave_at"], unique=False, postgresql_where=sa.text("next_wave_at IS NOT NULL")
    )
    op.create_table(
        "survey_versions",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("survey", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", pg.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["tenant", "survey"], ["surveys.tenant", "surveys.id"], name="fk_survey_versions_tenant_survey"),
        sa.PrimaryKeyConstraint("tenant", "survey", "version", name="pk_survey_versions"),
    )
    op.create_table(
        "survey_invitations",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("survey", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="planned, sent, passed_over, cancelled, failed"),
        sa.Column("reason", sa.Text(), nullable=True, comment="of the last three"),
        sa.Column("case_id", sa.Text(), nullable=True),
        sa.Column("person", sa.Text(), nullable=True, comment="the key by which a customer is counted; null for nobody in particular"),
        sa.Column("person_keys", pg.ARRAY(sa.Text()), nullable=False),
        sa.Column("contact", pg.JSONB(astext_type=sa.Text()), nullable=False, comment="personal"),
        sa.Column("context", pg.JSONB(astext_type=sa.Text()), nullable=False, comment="what every event about it says beside the customer"),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=True, comment="of a wave"),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("sends", sa.Integer(), nullable=False, comment="invitation and reminders given to delivery"),
        sa.Column("reminders", sa.Integer(), nullable=False, comment="how many may follow"),
        sa.Column("next_at", INSTANT, nullable=True, comment="when to send next; null for never"),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("sent_at", INSTANT, nullable=True),
        sa.Column("opened_at", INSTANT, nullable=True),
        sa.Column("answered_at", INSTANT, nullable=True, comment="the first answer"),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False, comment="of the event that the answers are"),
        sa.Column("given", pg.JSONB(astext_type=sa.Text()), nullable=False, comment="answers by question; null for one passed over"),
        sa.Column("flags", pg.ARRAY(sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "survey", "version"],
            ["survey_versions.tenant", "survey_versions.survey", "survey_versions.version"],
            name="fk_survey_invitations_tenant_survey_version",
        ),
        sa.PrimaryKeyConstraint("tenant", "id", name="pk_survey_invitations"),
    )
    op.create_index(
        "ix_survey_invitations_next_at", "survey_invitations", ["next_at"], unique=False, postgresql_where=sa.text("next_at IS NOT NULL")
    )
    op.create_index("ix_survey_invitations_tenant_person_sent_at", "survey_invitations", ["tenant", "person", "sent_at"], unique=False)
    op.create_index(
        "ix_survey_invitations_tenant_survey_created_at_id", "survey_invitations", ["tenant", "survey", "created_at", "id"], unique=False
    )
    op.create_table(
        "survey_tokens",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("invitation", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False, comment="answer or unsubscribe"),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "invitation"], ["survey_invitations.tenant", "survey_invitations.id"], name="fk_survey_tokens_tenant_invitation"
        ),
        sa.PrimaryKeyConstraint("hash", name="pk_survey_tokens"),
    )
    op.create_index("ix_survey_tokens_tenant_invitation", "survey_tokens", ["tenant", "invitation"], unique=False)
    op.create_table(
        "survey_opt_outs",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("person_key", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("via", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "person_key", name="pk_survey_opt_outs"),
    )
    op.create_table(
        "survey_contacts",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("touchpoint", sa.Text(), nullable=False, comment="empty where none is named"),
        sa.Column("contact", pg.JSONB(astext_type=sa.Text()), nullable=False, comment="personal"),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("last_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "person", "touchpoint", name="pk_survey_contacts"),
        comment="whom the tenant met last where: the base of waves",
    )
    op.create_index("ix_survey_contacts_tenant_last_at", "survey_contacts", ["tenant", "last_at"], unique=False)
    op.create_table(
        "survey_strata",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("survey", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("base", sa.Integer(), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["tenant", "survey"], ["surveys.tenant", "surveys.id"], name="fk_survey_strata_tenant_survey"),
        sa.PrimaryKeyConstraint("tenant", "survey", "period", "segment", "region", "product", name="pk_survey_strata"),
    )
    op.create_table(
        "survey_notes",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("survey", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("texts", pg.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("told_up_to", sa.Text(), nullable=False, comment="the last invitation whose respondent is being told"),
        sa.Column("next_at", INSTANT, nullable=True, comment="null when everybody is"),
        sa.ForeignKeyConstraint(["tenant", "survey"], ["surveys.tenant", "surveys.id"], name="fk_survey_notes_tenant_survey"),
        sa.PrimaryKeyConstraint("tenant", "survey", "number", name="pk_survey_notes"),
        comment="what was changed, as respondents are told",
    )
    op.create_index("ix_survey_notes_next_at", "survey_notes", ["next_at"], unique=False, postgresql_where=sa.text("next_at IS NOT NULL"))


def downgrade() -> None:
    op.drop_table("survey_notes")
    op.drop_table("survey_strata")
    op.drop_table("survey_contacts")
    op.drop_table("survey_opt_outs")
    op.drop_table("survey_tokens")
    op.drop_table("survey_invitations")
    op.drop_table("survey_versions")
    op.drop_table("surveys")
    op.drop_table("delivery_attempts")
    op.drop_table("deliveries")
