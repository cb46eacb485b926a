"""Waves in slices, addresses that take nothing, pace and senders of messages, sealed addresses; people found by all their keys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0009"
down_revision = "0008"

INSTANT = sa.DateTime(timezone=True)
STRATUM = ("tenant", "survey", "period", "segment", "region", "product")


def upgrade() -> None:
    op.drop_index("ix_survey_invitations_tenant_person_sent_at", "survey_invitations")
    op.create_index("ix_survey_invitations_person_keys", "survey_invitations", ["person_keys"], unique=False, postgresql_using="gin")
    op.add_column(
        "survey_strata",
        sa.Column("planned", sa.Integer(), server_default="0", nullable=False, comment="how many of those wanted are planned so far"),
    )
    op.add_column(
        "survey_strata",
        sa.Column("open", sa.Boolean(), server_default=sa.false(), nullable=False, comment="whether somebody may still have to be planned"),
    )
    op.create_index(
        "ix_survey_strata_open", "survey_strata", ["tenant", "survey", "period"], unique=False, postgresql_where=sa.text("open")
    )
    op.create_table(
        "survey_drawn",
        *(sa.Column(name, sa.Text(), nullable=False) for name in STRATUM),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False, comment="in the order of the draw"),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("contact", pg.JSONB(), nullable=False, comment="personal"),
        sa.Column("context", pg.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            STRATUM, [f"survey_strata.{name}" for name in STRATUM], name="fk_survey_drawn_tenant_survey_period_segment_region_product"
        ),
        sa.PrimaryKeyConstraint(*STRATUM, "place", name="pk_survey_drawn"),
        comment="those of a wave who are not planned yet; a stratum that has as many as it wants leaves nobody here",
    )
    op.create_table(
        "survey_undeliverable",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("address_hash", sa.Text(), nullable=False, comment="as in message.delivery_failed"),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "address_hash", name="pk_survey_undeliverable"),
        comment="addresses that take nothing for good",
    )
    op.create_table(
        "survey_pace",
        sa.Column("tenant", sa.Text(), nullable=False, comment="empty for the installation's own sender"),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("free_at", INSTANT, nullable=False, comment="when the next message may go"),
        sa.PrimaryKeyConstraint("tenant", "way", name="pk_survey_pace"),
    )
    op.create_table(
        "survey_senders",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("settings", pg.JSONB(), nullable=False, comment="what may be shown"),
        sa.Column("sealed", sa.LargeBinary(), nullable=False, comment="the password, token or secret"),
        sa.Column("per_second", sa.Double(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "way", name="pk_survey_senders"),
        comment="what a tenant sends by, where it is not the installation's",
    )

    _sealed_addresses()


def _sealed_addresses() -> None:
    op.add_column("tenants", sa.Column("survey_addresses", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "survey_addresses",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("person_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="email or phone"),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("last_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "person_key", "kind", name="pk_survey_addresses"),
        comment="of customers with pseudonyms, where the tenant wants surveys to reach them",
    )


def downgrade() -> None:
    op.drop_column("tenants", "survey_addresses")
    for table in ("survey_addresses", "survey_senders", "survey_pace", "survey_undeliverable", "survey_drawn"):
        op.drop_table(table)
    op.drop_index("ix_survey_strata_open", "survey_strata")
    op.drop_column("survey_strata", "open")
    op.drop_column("survey_strata", "planned")
    op.drop_index("ix_survey_invitations_person_keys", "survey_invitations")
    op.create_index("ix_survey_invitations_tenant_person_sent_at", "survey_invitations", ["tenant", "person", "sent_at"], unique=False)
