"""The loop that advances the waiting list and has the hub start whose turn has come."""

from __future__ import annotations

import logging
import time

from labwerk_hub.api.hub import Hub, HubUnreachableError
from labwerk_hub.api.loops.loop import Loop
from labwerk_hub.domain.waiting import Ticket
from labwerk_hub.services import line
from labwerk_hub.services.workbench import Workbench

_log = logging.getLogger(__name__)
#: Seconds between two looks at the list; without anybody in it a look is one short query.
_PERIOD = 1.0
#: Seconds between two times that what those in line are told is worked out anew.
_TELL = 5.0
#: Seconds after which a start that has not shown is asked for again.
_AGAIN = 15.0


class LineLoop(Loop):
    """Looks at the waiting list every second."""

    name = "line"
    trouble = "The line stands still"

    def __init__(self, workbench: Workbench, hub: Hub) -> None:
        super().__init__(_PERIOD)
        self._workbench = workbench
        self._hub = hub
        #: When the hub was asked for a start; keys are tickets.
        self._asked: dict[str, float] = {}
        self._told = float("-inf")
        self._resumed = False

    def look_once(self) -> None:
        """Call whose turn has come, and ask the hub for the starts of all who are called."""
        if not self._resumed:
            line.resume(self._workbench)  # whatever was the matter until now
            self._resumed = True
        tell = time.monotonic() - self._told >= _TELL
        called = line.advance(self._workbench, tell=tell)
        if tell:
            self._told = time.monotonic()
        tickets = {ticket.id for ticket in called}
        self._asked = {t: when for t, when in self._asked.items() if t in tickets}
        for ticket in called:
            self._start(ticket)

    def _start(self, ticket: Ticket) -> None:
        if time.monotonic() - self._asked.get(ticket.id, float("-inf")) < _AGAIN:
            return
        self._asked[ticket.id] = time.monotonic()
        choice = {
            "flavour": ticket.flavour,
            "image": ticket.image,
            "wait": "",
            "payer": ticket.payer,
        }
        try:
            self._hub.start(ticket.person, choice)
        except HubUnreachableError as error:
            _log.warning("%s cannot be started yet, tried again soon: %s", ticket.session, error)
            return
        _log.info("It is the turn of %s; %s is being started", ticket.person, ticket.session)
        line.offered(self._workbench, ticket)
