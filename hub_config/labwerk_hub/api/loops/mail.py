"""The loop that sends mail, and writes those that nobody's action calls for."""

from __future__ import annotations

import logging
import time
from functools import partial

from labwerk_hub.api.loops.loop import Loop
from labwerk_hub.services import budget_news, budget_requests, mail
from labwerk_hub.services.ports import MailServer
from labwerk_hub.services.workbench import Workbench

_log = logging.getLogger(__name__)
#: Seconds between two looks at the outbox; with nothing in it a look is one short query.
_PERIOD = 5.0
#: Seconds between two looks at what there is to tell, and what is over.
_NEWS = 300.0
_NEWS_TROUBLE = "What there is to tell is not looked for now"
#: Seconds that the end of the service waits for an answer of the mail server; a mail that it
#: had not confirmed by then is sent again later.
_PATIENCE = 5.0


class MailLoop(Loop):
    """Looks at the outbox every few seconds.

    Without a ``server`` nothing is sent, and what is over is tidied up all the same.
    """

    name = "mail"
    trouble = "No mail is sent now"

    def __init__(self, workbench: Workbench, server: MailServer | None) -> None:
        super().__init__(_PERIOD, patience=_PATIENCE)
        self._workbench = workbench
        self._server = server
        self._looked_for_news = float("-inf")
        self._in_trouble = False
        self._resumed = False

    def look_once(self) -> None:
        """Send what is due; now and then, look for news and tidy up."""
        if time.monotonic() - self._looked_for_news >= _NEWS:
            self._looked_for_news = time.monotonic()  # also if it fails: mail is due sooner
            for look in (budget_requests.lapse, budget_news.tell, mail.forget_old):
                self.attempt(partial(look, self._workbench), _NEWS_TROUBLE)
        if self._server is None:
            return
        if not self._resumed:
            mail.resume(self._workbench)
            self._resumed = True
        found = mail.send_due(self._workbench, self._server, self.is_stopping)
        if found.trouble is not None and not self._in_trouble:
            _log.warning("Mail waits and is tried again: %s", found.trouble)
        if found.sent:
            _log.info("Sent %d mails", found.sent)
        if found.sent or found.trouble:
            self._in_trouble = found.trouble is not None
        for given_up in found.given_up:
            _log.warning(
                "Mail %s is given up after %d tries; `mail list` says why",
                given_up.id,  # its key has people's names in it
                given_up.tries,
            )
