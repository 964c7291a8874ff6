"""The audit chain.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

from labwerk_hub.adapters.sql.append_only import refuse_all_but_redaction

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, and the triggers that keep it as it was written."""
    op.create_table(
        "events",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("actor", sa.String(length=24), nullable=True),
        sa.Column("subject", sa.String(length=24), nullable=True),
        sa.Column("object", sa.String(length=96), nullable=True),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("salt", sa.String(length=32), nullable=True),
        sa.Column("content_digest", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index("ix_events_subject", "events", ["subject", "id"])
    op.create_index("ix_events_actor", "events", ["actor", "id"])
    op.create_index("ix_events_kind", "events", ["kind", "id"])
    op.create_index("ix_events_at_ms", "events", ["at_ms", "id"])
    kept = sa.text("content IS NOT NULL")
    op.create_index(
        "ix_events_kept", "events", ["kind", "at_ms"], sqlite_where=kept, postgresql_where=kept
    )
    refuse_all_but_redaction(
        op.get_bind(),
        "events",
        kept=("id", "at_ms", "kind", "content_digest", "hash"),
        redacted=("actor", "subject", "object", "content", "salt"),
    )


def downgrade() -> None:
    """Refused: the table holds the audit chain."""
    raise RuntimeError("The audit chain is not taken back.")
