"""This session, and what its person can do to it from a notebook."""

from __future__ import annotations

from labwerk.errors import NoSessionError
from labwerk.model import Overview, Session
from labwerk.service import change_session, fetch_overview


class SessionAccess:
    """What ``labwerk.session`` is: called, it is the session as the workbench says now.

    Raises:
        NoSessionError: the workbench knows of no running session.
        RefusedError: the service refused, with its code and sentence.
    """

    def __call__(self) -> Session:
        """This session: its slice, its image, since when and until when."""
        return _session_of(fetch_overview())

    def extend(self) -> Session:
        """Move the end as far as it may go now; the session with its new end.

        Refused while somebody waits for such a slice, for one; the sentence says why.
        """
        return _session_of(change_session("extend"))

    def still_working(self) -> Session:
        """Say that this session is in use, though nothing runs: its idle time begins anew."""
        return _session_of(change_session("still-working"))

    def __repr__(self) -> str:
        return "<labwerk.session: call it, or .extend() or .still_working()>"


def _session_of(overview: Overview) -> Session:
    if overview.session is None:
        raise NoSessionError
    return overview.session
