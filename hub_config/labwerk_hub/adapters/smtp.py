"""The site's mail server, over SMTP."""

from __future__ import annotations

import ipaddress
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Literal

from labwerk_hub.domain.mails import Mail
from labwerk_hub.domain.metering import from_ms
from labwerk_hub.domain.texts import one_line
from labwerk_hub.errors import MailRefusedError, MailServerError

#: Seconds that the server may take for each answer.
_TIMEOUT = 20
#: What a line of mail may have at most, in bytes (RFC 5322 §2.1.1).
_LONGEST_LINE = 998
#: Answers from here on say that trying again is of no use (RFC 5321 §4.2.1).
_FINAL = 500


@dataclass(frozen=True)
class SmtpServer:
    """How the server is reached, and what stands on every mail.

    ``security`` is "starttls" (encrypted from the greeting on, or nothing is sent), "tls"
    (from the first byte on) or "none". ``host`` is our own, which names each mail.
    """

    server: str
    port: int
    security: Literal["starttls", "tls", "none"]
    user: str
    password_file: Path | None
    sender: str
    reply_to: str
    host: str

    @property
    def name(self) -> str:
        """How sentences name it: ``mail.your.example:587``."""
        host = f"[{self.server}]" if ":" in self.server else self.server
        return f"{host}:{self.port}"

    @contextmanager
    def connected(self) -> Iterator[SmtpConnection]:
        """A connection that is ready to send.

        Raises MailServerError if the server cannot be reached, is not who it says, or does
        not let us in.
        """
        client = self._open()
        try:
            yield SmtpConnection(self, client)
        finally:
            # It has said whether it takes each mail; how it says goodbye changes nothing.
            with suppress(smtplib.SMTPException, OSError):
                client.quit()

    def _open(self) -> smtplib.SMTP:
        try:
            # The machine's own certificates count, and so does the server's name.
            context = ssl.create_default_context()
            if self.security == "tls":
                client: smtplib.SMTP = smtplib.SMTP_SSL(
                    self.server, self.port, self._domain, timeout=_TIMEOUT, context=context
                )
            else:
                client = smtplib.SMTP(self.server, self.port, self._domain, timeout=_TIMEOUT)
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            raise self._unusable(error) from error
        try:
            if self.security == "starttls":
                client.starttls(context=context)
            client.ehlo_or_helo_if_needed()
            if self.user:
                client.login(self.user, self._password())
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            client.close()
            raise self._unusable(error) from error
        return client

    def _unusable(self, error: Exception) -> MailServerError:
        return MailServerError(f"The mail server {self.name} cannot be used: {_said(error)}.")

    def _password(self) -> str:
        """Read anew each time, so that a new one counts at once."""
        if self.password_file is None:
            return ""
        try:
            return self.password_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            said = f"its password file “{self.password_file}” cannot be read ({error.strerror})"
            raise OSError(f"{said}; run `up` again") from error

    @property
    def _domain(self) -> str:
        """Our host as mail writes it: an address in brackets (RFC 5321 §4.1.3)."""
        try:
            ip = ipaddress.ip_address(self.host)
        except ValueError:
            return self.host.encode("idna").decode()
        return f"[{ip}]" if ip.version == 4 else f"[IPv6:{ip}]"

    def message(self, mail: Mail, *, eight_bit: bool) -> EmailMessage:
        """The mail as it goes over the wire (RFC 5322); the same each time it is tried.

        Raises ValueError for what cannot stand in a header.
        """
        international = not mail.to.isascii()
        message = EmailMessage(policy=policy.SMTPUTF8 if international else policy.SMTP)
        message["From"] = self.sender
        message["To"] = mail.to
        if self.reply_to:
            message["Reply-To"] = self.reply_to
        message["Subject"] = one_line(mail.subject)
        message["Date"] = format_datetime(from_ms(mail.made_ms))
        message["Message-ID"] = f"<{mail.id}@{self._domain}>"
        # So that no holiday note answers (RFC 3834).
        message["Auto-Submitted"] = "auto-generated"
        fits = all(len(line.encode()) < _LONGEST_LINE for line in mail.body.splitlines())
        encoding = "8bit" if eight_bit and fits else "quoted-printable"
        message.set_content(mail.body, charset="utf-8", cte=encoding)
        message["Content-Language"] = mail.language
        return message


class SmtpConnection:
    """A connection over which mails are sent, one after the other."""

    def __init__(self, server: SmtpServer, client: smtplib.SMTP) -> None:
        self._server = server
        self._client = client

    def send(self, mail: Mail) -> str:
        """Hand a mail over; what the server answered when it took it.

        Raises MailRefusedError if it does not take this one, MailServerError if the
        connection is of no use any more.
        """
        client = self._client
        options = ["BODY=8BITMIME"] if client.has_extn("8bitmime") else []
        options += [] if mail.to.isascii() else ["SMTPUTF8"]
        # Each command by itself: `sendmail` keeps nothing of what a content server answers.
        try:
            message = self._server.message(mail, eight_bit="BODY=8BITMIME" in options)
            content = message.as_bytes()
            self._taken(client.mail(parseaddr(self._server.sender)[1], options))
            self._taken(client.rcpt(mail.to))
            return self._taken(client.data(content))
        except smtplib.SMTPDataError as error:
            raise self._refused(error.smtp_code, error.smtp_error) from None
        except (smtplib.SMTPNotSupportedError, ValueError) as error:
            raise self._refused(_FINAL, str(error)) from error
        except (smtplib.SMTPException, OSError) as error:
            said = f"The mail server {self._server.name} broke off: {_said(error)}."
            raise MailServerError(said) from error

    def _taken(self, answer: tuple[int, bytes]) -> str:
        code, said = answer
        if not 200 <= code < 300:
            raise self._refused(code, said)
        return f"{code} {_text(said)}"

    def _refused(self, code: int, said: bytes | str) -> MailRefusedError:
        with suppress(smtplib.SMTPException, OSError):
            self._client.rset()  # the next mail begins anew
        sentence = f"{self._server.name} does not take it: {code} {_text(said)}."
        return MailRefusedError(sentence, is_final=code >= _FINAL)


def _said(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_text(error.smtp_error)}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted here ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return f"it does not answer within {_TIMEOUT} seconds"
    if isinstance(error, OSError) and error.strerror:
        return one_line(error.strerror)
    return one_line(str(error)).rstrip(".") or type(error).__name__


def _text(said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return one_line(text).rstrip(".")
