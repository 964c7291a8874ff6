"""Waiting, reservations, activity, and leases whose end can be moved.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; leases that run get their end as the last one possible."""
    # With a default, since SQLite adds no other column that must not be null.
    longest = sa.Column("longest_ms", sa.BigInteger(), nullable=False, server_default="0")
    op.add_column("leases", longest)
    op.add_column("leases", sa.Column("stopping", sa.String(length=16), nullable=True))
    op.add_column("leases", sa.Column("giving_back_ms", sa.BigInteger(), nullable=True))
    op.execute("UPDATE leases SET longest_ms = ends_ms")
    op.create_index("ix_leases_ended_ms", "leases", ["ended_ms"])
    op.create_index("ix_leases_intended_ms", "leases", ["intended_ms"])
    op.create_index(
        "ix_leases_open_flavour",
        "leases",
        ["flavour"],
        sqlite_where=sa.text("ended_ms IS NULL"),
        postgresql_where=sa.text("ended_ms IS NULL"),
    )
    op.create_table(
        "tickets",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("person", sa.String(length=96), nullable=False),
        sa.Column("institution", sa.String(length=32), nullable=False),
        sa.Column("flavour", sa.String(length=32), nullable=False),
        sa.Column("image", sa.String(length=64), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("taken_ms", sa.BigInteger(), nullable=False),
        sa.Column("first_expected_ms", sa.BigInteger(), nullable=True),
        sa.Column("called_ms", sa.BigInteger(), nullable=True),
        sa.Column("held_until_ms", sa.BigInteger(), nullable=True),
        sa.Column("session", sa.String(length=32), nullable=True),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.Column("place", sa.Integer(), nullable=True),
        sa.Column("before", sa.Integer(), nullable=True),
        sa.Column("due_ms", sa.BigInteger(), nullable=True),
        sa.Column("expected_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["person"], ["people.name"], name=op.f("fk_tickets_person")),
        sa.ForeignKeyConstraint(["session"], ["leases.session"], name=op.f("fk_tickets_session")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tickets")),
    )
    op.create_index(op.f("ix_tickets_session"), "tickets", ["session"])
    op.create_index(
        "uq_tickets_open",
        "tickets",
        ["person"],
        unique=True,
        sqlite_where=sa.text("ended_ms IS NULL"),
        postgresql_where=sa.text("ended_ms IS NULL"),
    )
    op.create_table(
        "reservations",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("flavour", sa.String(length=32), nullable=False),
        sa.Column("group", sa.Text(), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("to_ms", sa.BigInteger(), nullable=False),
        sa.Column("release_after_ms", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.String(length=96), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.Column("cancelled_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservations")),
    )
    op.create_index(op.f("ix_reservations_to_ms"), "reservations", ["to_ms"])
    op.create_table(
        "reserved_slices",
        sa.Column("reservation", sa.String(length=16), nullable=False),
        sa.Column("gpu", sa.String(length=32), nullable=False),
        sa.Column("start", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("profile", sa.String(length=32), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reservation"], ["reservations.id"], name=op.f("fk_reserved_slices_reservation")
        ),
        sa.PrimaryKeyConstraint("reservation", "gpu", "start", name=op.f("pk_reserved_slices")),
    )
    op.create_table(
        "activity",
        sa.Column("session", sa.String(length=32), nullable=False),
        sa.Column("active_ms", sa.BigInteger(), nullable=False),
        sa.Column("reported_ms", sa.BigInteger(), nullable=True),
        sa.Column("kernels_busy", sa.Integer(), nullable=True),
        sa.Column("seen_ms", sa.BigInteger(), nullable=True),
        sa.Column("sampled_ms", sa.BigInteger(), nullable=True),
        sa.Column("cpu_ns", sa.BigInteger(), nullable=True),
        sa.Column("gpu_memory_mib", sa.Integer(), nullable=True),
        sa.Column("gpu_processes", sa.Integer(), nullable=True),
        sa.Column("gpu_utilisation", sa.Float(), nullable=True),
        sa.Column("warned_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["session"], ["leases.session"], name=op.f("fk_activity_session")),
        sa.PrimaryKeyConstraint("session", name=op.f("pk_activity")),
    )
    op.create_table(
        "outcomes",
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("outcome", name=op.f("pk_outcomes")),
    )


def downgrade() -> None:
    """Refused: people stand in line in these tables."""
    raise RuntimeError("The waiting list and the reservations are not taken back.")
