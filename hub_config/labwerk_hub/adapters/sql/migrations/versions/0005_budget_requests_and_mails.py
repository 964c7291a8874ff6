"""Requests for more budget, and e-mails that wait to be sent.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "budget_requests",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("budget", sa.String(length=64), nullable=False),
        sa.Column("period", sa.String(length=32), nullable=False),
        sa.Column("person", sa.String(length=96), nullable=False),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.Column("wanted_ticks", sa.BigInteger(), nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.Column("decided_by", sa.String(length=96), nullable=True),
        sa.Column("granted_ticks", sa.BigInteger(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person"], ["people.name"], name=op.f("fk_budget_requests_person")
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["people.name"], name=op.f("fk_budget_requests_decided_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_budget_requests")),
    )
    op.create_index(op.f("ix_budget_requests_person"), "budget_requests", ["person"])
    op.create_index("ix_budget_requests_budget", "budget_requests", ["budget"])
    op.create_index(
        "uq_budget_requests_open",
        "budget_requests",
        ["person", "budget", "whole"],
        unique=True,
        sqlite_where=sa.text("ended_ms IS NULL"),
        postgresql_where=sa.text("ended_ms IS NULL"),
    )
    op.create_table(
        "mails",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=192), nullable=False),
        sa.Column("person", sa.String(length=96), nullable=True),
        sa.Column("about", sa.String(length=96), nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_ms", sa.BigInteger(), nullable=False),
        sa.Column("begun_ms", sa.BigInteger(), nullable=True),
        sa.Column("sent_ms", sa.BigInteger(), nullable=True),
        sa.Column("given_up_ms", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["person"], ["people.name"], name=op.f("fk_mails_person")),
        sa.ForeignKeyConstraint(["about"], ["people.name"], name=op.f("fk_mails_about")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mails")),
        sa.UniqueConstraint("key", name=op.f("uq_mails_key")),
    )
    op.create_index(op.f("ix_mails_person"), "mails", ["person"])
    op.create_index(op.f("ix_mails_about"), "mails", ["about"])
    op.create_index(
        "ix_mails_due",
        "mails",
        ["next_ms"],
        sqlite_where=sa.text("sent_ms IS NULL AND given_up_ms IS NULL"),
        postgresql_where=sa.text("sent_ms IS NULL AND given_up_ms IS NULL"),
    )


def downgrade() -> None:
    """Refused: what people asked for stands in these tables."""
    raise RuntimeError("Requests and mails are not taken back.")
