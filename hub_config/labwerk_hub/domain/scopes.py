"""What a token may be used for at the hub service, beside reaching it at all.

JupyterHub knows them as its custom scopes: it gives them to people, lets them make tokens
with some of them, and says which a token has. What somebody may then see or decide is a
matter of their roles and groups.
"""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """A scope by its name at JupyterHub; ``description`` is shown where tokens are made."""

    USE_READ = "custom:labwerk:use:read"
    EVENTS_READ = "custom:labwerk:events:read"
    BUDGETS_READ = "custom:labwerk:budgets:read"
    BUDGETS_WRITE = "custom:labwerk:budgets:write"
    STATEMENTS_READ = "custom:labwerk:statements:read"
    SESSION_WRITE = "custom:labwerk:session:write"

    @property
    def description(self) -> str:
        """What it lets a token do; English, as JupyterHub's own."""
        return _DESCRIPTIONS[self]


_DESCRIPTIONS = {
    Scope.USE_READ: "Read what you, and people you answer for, used of GPUs.",
    Scope.EVENTS_READ: "Read your own record: what you did, and what others did to you.",
    Scope.BUDGETS_READ: "Read budgets that you answer for, with everybody's use of them.",
    Scope.BUDGETS_WRITE: "Change budgets and shares that are yours to decide, answer requests.",
    Scope.STATEMENTS_READ: "Read the monthly statements of your institution.",
    Scope.SESSION_WRITE: "Extend your session, let another budget pay for it, and ask for more.",
}
#: What a session's own token may do: what Lab's panel and the notebook client need.
OF_SESSIONS = (Scope.USE_READ, Scope.BUDGETS_READ, Scope.SESSION_WRITE)
