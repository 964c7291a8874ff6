"""Budgets, and a ledger whose postings are chained and whose people are pseudonymous.

Revision ID: 0003
Revises: 0002
"""

import calendar
import secrets
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from labwerk_hub.adapters.sql.append_only import refuse_changes
from labwerk_hub.domain.chain import GENESIS, canonical, link

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_APPEND_ONLY = ("postings", "entries", "allotments")


def upgrade() -> None:
    """Make the tables, and book every earlier charge again as a posting."""
    op.add_column("people", sa.Column("last_payer", sa.String(length=64), nullable=True))
    op.add_column("people", sa.Column("pseudonym", sa.String(length=24), nullable=True))
    op.add_column("people", sa.Column("seen_ms", sa.BigInteger(), nullable=True))
    op.create_index("uq_people_pseudonym", "people", ["pseudonym"], unique=True)
    for table in ("leases", "tickets"):
        payer = sa.Column("payer", sa.String(length=64), nullable=False, server_default="")
        op.add_column(table, payer)
        without: sa.Column[bool] = sa.Column(
            "over_use", sa.Boolean(), nullable=False, server_default=sa.false()
        )
        op.add_column(table, without)
    for old, columns in (
        ("person", ["person", "ended_ms"]),
        ("intended_ms", ["intended_ms", "flavour"]),
    ):
        op.drop_index(f"ix_leases_{old}", "leases")
        op.create_index(f"ix_leases_{'_'.join(columns)}", "leases", columns)
    paid_by = sa.Column("paid_by", sa.String(length=32), nullable=False, server_default="")
    op.add_column("leases", paid_by)
    op.execute("UPDATE leases SET payer = 'institution/' || institution, paid_by = institution")
    op.execute("UPDATE tickets SET payer = 'institution/' || institution")
    earlier = _earlier_charges()
    op.drop_table("charges")
    op.drop_table("entries")
    if op.get_bind().dialect.name == "postgresql":
        for table in ("charges", "entries"):
            for action in ("update", "delete"):
                op.execute(f"DROP FUNCTION IF EXISTS {table}_refuse_{action}()")
    _make_tables()
    _book(earlier)
    for table in _APPEND_ONLY:
        refuse_changes(op.get_bind(), table)


def _make_tables() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "postings",
        sa.Column("id", number, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.String(length=24), nullable=False),
        sa.Column("session", sa.String(length=32), nullable=True),
        sa.Column("start_ms", sa.BigInteger(), nullable=True),
        sa.Column("end_ms", sa.BigInteger(), nullable=True),
        sa.Column("idle_ms", sa.BigInteger(), nullable=True),
        sa.Column("flavour", sa.String(length=32), nullable=True),
        sa.Column("institution", sa.String(length=32), nullable=True),
        sa.Column("budget", sa.String(length=64), nullable=True),
        sa.Column("person", sa.String(length=24), nullable=True),
        sa.Column("day", sa.String(length=10), nullable=True),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_postings")),
        sa.UniqueConstraint("key", name=op.f("uq_postings_key")),
    )
    op.create_index(op.f("ix_postings_session"), "postings", ["session"])
    for name, columns, which in (
        ("ix_postings_day", ["day", "id"], "day IS NOT NULL"),
        ("ix_postings_grants", ["id"], "kind IN ('grant', 'carry')"),
    ):
        where = sa.text(which)
        op.create_index(name, "postings", columns, sqlite_where=where, postgresql_where=where)
    op.create_table(
        "entries",
        sa.Column("posting", number, nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("budget", sa.String(length=64), nullable=False),
        sa.Column("period", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("ticks", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["posting"], ["postings.id"], name=op.f("fk_entries_posting")),
        sa.PrimaryKeyConstraint("posting", "line", name=op.f("pk_entries")),
    )
    op.create_table(
        "balances",
        sa.Column("budget", sa.String(length=64), nullable=False),
        sa.Column("period", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("ticks", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "ticks >= 0 OR (account <> 'free' AND account NOT LIKE 'held:%')",
            name=op.f("ck_balances_not_overdrawn"),
        ),
        sa.PrimaryKeyConstraint("budget", "period", "account", name=op.f("pk_balances")),
    )
    op.create_index(op.f("ix_balances_account"), "balances", ["account"])
    op.create_table(
        "usage_sums",
        sa.Column("span", sa.String(length=10), nullable=False),
        sa.Column("institution", sa.String(length=32), nullable=False),
        sa.Column("budget", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=24), nullable=False),
        sa.Column("flavour", sa.String(length=32), nullable=False),
        sa.Column("ticks", sa.BigInteger(), nullable=False),
        sa.Column("over_ticks", sa.BigInteger(), nullable=False),
        sa.Column("ms", sa.BigInteger(), nullable=False),
        sa.Column("idle_ms", sa.BigInteger(), nullable=False),
        sa.Column("sessions", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "span", "institution", "budget", "person", "flavour", name=op.f("pk_usage_sums")
        ),
    )
    for column in ("person", "institution", "budget"):
        op.create_index(f"ix_usage_sums_{column}_span", "usage_sums", [column, "span"])
    op.create_table(
        "allotments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("budget", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=24), nullable=True),
        sa.Column("period", sa.String(length=32), nullable=True),
        sa.Column("ticks", sa.BigInteger(), nullable=True),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.String(length=24), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allotments")),
    )
    op.create_index("ix_allotments_budget_person", "allotments", ["budget", "person"])


def _earlier_charges() -> list[sa.Row[Any]]:
    """Everybody gets a pseudonym; what was charged until now, oldest first."""
    bind = op.get_bind()
    for name in list(bind.execute(sa.text("SELECT name FROM people")).scalars()):
        bind.execute(
            sa.text("UPDATE people SET pseudonym = :pseudonym WHERE name = :name"),
            {"pseudonym": f"p-{secrets.token_hex(8)}", "name": name},
        )
    query = sa.text(
        "SELECT c.session, c.interval_start_ms, c.interval_end_ms, c.ticks, l.flavour,"
        " l.institution, l.started_ms, p.pseudonym,"
        " (SELECT max(e.period) FROM entries e WHERE e.session = c.session"
        "  AND e.interval_start_ms = c.interval_start_ms) AS period"
        " FROM charges c JOIN leases l ON l.session = c.session"
        " JOIN people p ON p.name = l.person ORDER BY c.interval_end_ms, c.session"
    )
    return list(bind.execute(query))


def _day_of(moment_ms: int, month: str | None) -> str:
    """The day of a charge: in UTC, since the site's time zone is in its settings.

    It stays within the month that it was charged to, where that is known.
    """
    day = datetime.fromtimestamp(moment_ms / 1000, UTC).date()
    if month is None or f"{day:%Y-%m}" == month:
        return day.isoformat()
    year, number = map(int, month.split("-"))
    last = calendar.monthrange(year, number)[1]
    return f"{month}-01" if f"{day:%Y-%m}" < month else f"{month}-{last:02}"


def _book(earlier: list[sa.Row[Any]]) -> None:
    """Earlier charges as postings; what was used then counts as granted then."""
    bind, head = op.get_bind(), GENESIS
    for number, charge in enumerate(earlier, 1):
        budget = f"institution/{charge.institution}"
        day = _day_of(charge.interval_start_ms, charge.period)
        # What cost nothing was written without a period.
        period = charge.period or day[: len("2026-11")]
        lines = [
            (budget, period, "granted", -charge.ticks),
            (budget, period, f"used:{charge.pseudonym}", charge.ticks),
        ] if charge.ticks else []  # fmt: skip
        values = {
            "id": number,
            "kind": "charge",
            "key": f"charge:{charge.session}:{charge.interval_start_ms}",
            "made_ms": charge.interval_end_ms,
            "made_by": "labwerk",
            "session": charge.session,
            "start_ms": charge.interval_start_ms,
            "end_ms": charge.interval_end_ms,
            "idle_ms": 0,
            "flavour": charge.flavour,
            "institution": charge.institution,
            "budget": budget,
            "person": charge.pseudonym,
            "day": day,
        }
        head = link(head, canonical([*values.values(), lines]))
        columns = ", ".join([*values, "hash"])
        places = ", ".join(f":{name}" for name in [*values, "hash"])
        bind.execute(
            sa.text(f"INSERT INTO postings ({columns}) VALUES ({places})"), values | {"hash": head}
        )
        for line, (account_of, in_period, account, ticks) in enumerate(lines):
            bind.execute(
                sa.text(
                    "INSERT INTO entries (posting, line, budget, period, account, ticks)"
                    " VALUES (:posting, :line, :budget, :period, :account, :ticks)"
                ),
                {
                    "posting": number,
                    "line": line,
                    "budget": account_of,
                    "period": in_period,
                    "account": account,
                    "ticks": ticks,
                },
            )
    op.execute(
        "INSERT INTO balances (budget, period, account, ticks)"
        " SELECT budget, period, account, sum(ticks) FROM entries GROUP BY budget, period, account"
    )
    for span in ("substr(p.day, 1, 7)", "p.day"):
        op.execute(
            "INSERT INTO usage_sums (span, institution, budget, person, flavour,"
            " ticks, over_ticks, ms, idle_ms, sessions)"
            f" SELECT {span}, p.institution, 'institution/' || p.institution, p.person, p.flavour,"
            " coalesce(sum(e.ticks), 0), 0, sum(p.end_ms - p.start_ms), 0,"
            " count(DISTINCT p.session) FROM postings p"
            " LEFT JOIN entries e ON e.posting = p.id AND e.line = 1"
            f" GROUP BY {span}, p.institution, p.person, p.flavour"
        )


def downgrade() -> None:
    """Refused: the tables hold the ledger."""
    raise RuntimeError("The ledger is not taken back.")
