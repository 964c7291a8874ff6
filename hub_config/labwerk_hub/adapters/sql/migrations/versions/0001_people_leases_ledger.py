"""People, leases and the ledger.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

#: What is written here is never changed: the database itself refuses it.
_APPEND_ONLY = ("charges", "entries")


def upgrade() -> None:
    """Make the tables, and the triggers that keep the ledger as it was written."""
    op.create_table(
        "entries",
        sa.Column("session", sa.String(length=32), nullable=False),
        sa.Column("interval_start_ms", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.String(length=128), nullable=False),
        sa.Column("period", sa.String(length=16), nullable=False),
        sa.Column("ticks", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session", "interval_start_ms", "account", name=op.f("pk_entries")),
    )
    op.create_index("ix_entries_account_period", "entries", ["account", "period"], unique=False)
    op.create_table(
        "people",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=96), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("institution", sa.String(length=32), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("locale", sa.String(length=2), nullable=True),
        sa.Column("groups", sa.Text(), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("last_flavour", sa.String(length=32), nullable=True),
        sa.Column("last_image", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_people_issuer")),
        sa.UniqueConstraint("name", name=op.f("uq_people_name")),
        sa.UniqueConstraint("uid", name=op.f("uq_people_uid")),
    )
    op.create_index(op.f("ix_people_institution"), "people", ["institution"], unique=False)
    op.create_table(
        "leases",
        sa.Column("session", sa.String(length=32), nullable=False),
        sa.Column("person", sa.String(length=96), nullable=False),
        sa.Column("institution", sa.String(length=32), nullable=False),
        sa.Column("flavour", sa.String(length=32), nullable=False),
        sa.Column("image", sa.String(length=64), nullable=False),
        sa.Column("gpu", sa.String(length=32), nullable=True),
        sa.Column("profile", sa.String(length=32), nullable=True),
        sa.Column("start", sa.Integer(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=True),
        sa.Column("ticks_per_second", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("intended_ms", sa.BigInteger(), nullable=False),
        sa.Column("ends_ms", sa.BigInteger(), nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=True),
        sa.Column("metered_to_ms", sa.BigInteger(), nullable=True),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.Column("end_reason", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(["person"], ["people.name"], name=op.f("fk_leases_person")),
        sa.PrimaryKeyConstraint("session", name=op.f("pk_leases")),
    )
    op.create_index(op.f("ix_leases_person"), "leases", ["person"], unique=False)
    op.create_index(op.f("ix_leases_state"), "leases", ["state"], unique=False)
    op.create_table(
        "charges",
        sa.Column("session", sa.String(length=32), nullable=False),
        sa.Column("interval_start_ms", sa.BigInteger(), nullable=False),
        sa.Column("interval_end_ms", sa.BigInteger(), nullable=False),
        sa.Column("ticks", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["session"], ["leases.session"], name=op.f("fk_charges_session")),
        sa.PrimaryKeyConstraint("session", "interval_start_ms", name=op.f("pk_charges")),
    )
    op.create_table(
        "held_units",
        sa.Column("gpu", sa.String(length=32), nullable=False),
        sa.Column("unit", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("session", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["session"], ["leases.session"], name=op.f("fk_held_units_session")
        ),
        sa.PrimaryKeyConstraint("gpu", "unit", name=op.f("pk_held_units")),
    )
    op.create_index(op.f("ix_held_units_session"), "held_units", ["session"], unique=False)
    for table in _APPEND_ONLY:
        for action in ("UPDATE", "DELETE"):
            _refuse(table, action)


def _refuse(table: str, action: str) -> None:
    name = f"{table}_refuse_{action.lower()}"
    sentence = f"{table} is append-only"
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{sentence}'; END $$"
        )
        op.execute(f"CREATE TRIGGER {name} BEFORE {action} ON {table} EXECUTE FUNCTION {name}()")
    else:
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {action} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
        )


def downgrade() -> None:
    """Refused: the tables hold the ledger."""
    raise RuntimeError("The first tables are not taken back: they hold the ledger.")
