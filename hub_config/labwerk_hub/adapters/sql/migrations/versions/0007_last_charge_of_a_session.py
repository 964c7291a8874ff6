"""The last charge of a session by a budget is found without reading the ledger backwards.

Revision ID: 0007
Revises: 0006
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let the index of sessions lead to a budget's latest posting, too."""
    op.create_index("ix_postings_session_budget", "postings", ["session", "budget", "id"])
    op.drop_index(op.f("ix_postings_session"), "postings")


def downgrade() -> None:
    """The index of sessions alone."""
    op.create_index(op.f("ix_postings_session"), "postings", ["session"])
    op.drop_index("ix_postings_session_budget", "postings")
