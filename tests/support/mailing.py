"""A mail server that takes mail on loopback, and people with addresses to write to.

The server is a real one (aiosmtpd): it speaks SMTP, STARTTLS, TLS and AUTH.
"""

from __future__ import annotations

import email
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from labwerk_hub.adapters.smtp import SmtpServer
from labwerk_hub.domain.people import Identity, Person, Role
from labwerk_hub.services import people
from labwerk_hub.services.mail import send_due
from labwerk_hub.services.workbench import Workbench

from support.workbench import bench_in

SENDER = "labwerk@th-rhein.example"
#: The table of a settings file that names a server at ``port`` on loopback.
MAIL_TABLE = f"""
[mail]
server = "127.0.0.1"
port = {{port}}
security = "none"
sender = "Labwerk <{SENDER}>"
"""


@dataclass(frozen=True)
class Delivered:
    """A mail as it came in: the envelope's recipients, and the message in its bytes."""

    recipients: tuple[str, ...]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        """The message, read by the standard library."""
        read = email.message_from_bytes(self.content, policy=policy.default)
        assert isinstance(read, EmailMessage)
        return read

    @property
    def text(self) -> str:
        """What it says."""
        said = self.message.get_content()
        assert isinstance(said, str)
        return said


@dataclass
class MailServer:
    """A mail server, which refuses what a test wants refused.

    ``refusals`` are answered to the next mails instead of taking them; ``refused`` maps
    addresses to the answer that each gets. ``taking`` is called when a mail has come in, just
    before the server says that it has taken it.
    """

    port: int
    delivered: list[Delivered] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    taking: Callable[[], None] = lambda: None
    logins: list[str] = field(default_factory=list)
    _arrived: threading.Condition = field(default_factory=threading.Condition)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it so
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: object
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd calls it so
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        if self.refusals:
            return self.refusals.pop(0)
        content = envelope.content
        assert isinstance(content, bytes)
        with self._arrived:
            self.delivered.append(Delivered(tuple(envelope.rcpt_tos), content))
            self._arrived.notify_all()
        self.taking()
        return "250 OK, queued"

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
    ) -> AuthResult:
        """Let in whoever has the one password."""
        assert isinstance(data, LoginPassword)
        self.logins.append(data.login.decode())
        return AuthResult(success=data.password == b"secret", handled=False)

    def wait_for(self, count: int) -> list[Delivered]:
        """What has come in, once there are so many; fails after a while."""
        with self._arrived:
            came = self._arrived.wait_for(lambda: len(self.delivered) >= count, timeout=60)
        assert came, f"{len(self.delivered)} mails came, not {count}"
        return list(self.delivered)

    def by_address(self) -> dict[str, Delivered]:
        """The one mail of each recipient."""
        found = {mail.recipients[0]: mail for mail in self.delivered}
        assert len(found) == len(self.delivered), "somebody was written to twice"
        return found


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def mail_server(
    port: int | None = None, certificate: Certificate | None = None, security: str = "starttls"
) -> Iterator[MailServer]:
    """Run one; with a ``certificate`` it offers STARTTLS and asks for a login, or is TLS only."""
    server = MailServer(port or free_port())
    options: dict[str, object] = {}
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate.chain, certificate.key)
        if security == "tls":
            options = {"ssl_context": context}
        else:
            options = {"tls_context": context, "require_starttls": True}
        # aiosmtpd knows of no encryption but STARTTLS.
        is_starttls = security == "starttls"
        options["authenticator"] = server.authenticate
        options |= {"auth_required": is_starttls, "auth_require_tls": is_starttls}
    running = Controller(server, "127.0.0.1", server.port, **options)  # type: ignore[arg-type]
    running.start()
    try:
        yield server
    finally:
        running.stop()


def client_of(server: MailServer, **values: object) -> SmtpServer:
    """How Labwerk reaches the server; without encryption unless ``values`` say otherwise."""
    usual: dict[str, object] = {
        "server": "127.0.0.1",
        "port": server.port,
        "security": "none",
        "user": "",
        "password_file": None,
        "sender": f"Labwerk <{SENDER}>",
        "reply_to": "rechnen@th-rhein.example",
        "host": "labwerk.th-rhein.example",
    }
    return SmtpServer(**(usual | values))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate and its key, in PEM files."""

    chain: Path
    key: Path


def certificate(folder: Path) -> Certificate:
    """Make one for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.th-rhein.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    files = Certificate(folder / "mail.pem", folder / "mail.key")
    files.chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


def somebody(
    workbench: Workbench,
    name: str,
    *groups: str,
    institution: str = "thr",
    address: str | None = "",
    locale: str | None = "en",
    roles: frozenset[Role] = frozenset(),
) -> Person:
    """Somebody who has signed in, with an address made of their name unless it says otherwise."""
    slug = name.split()[0].lower()
    return people.remember(
        workbench,
        Identity(
            issuer="https://sso.example",
            subject=name,
            institution=institution,
            display_name=name,
            email=f"{slug}@{institution}.example" if address == "" else address,
            locale=locale,
            groups=frozenset(groups),
            roles=roles,
        ),
    )


def sending_process(folder: str, port: int, now_ms: int) -> None:
    """What another process does that sends the outbox of a bench in ``folder`` once."""
    with bench_in(Path(folder)) as bench:
        bench.clock.now = datetime.fromtimestamp(now_ms / 1000, UTC)
        send_due(bench.workbench, client_of(MailServer(port)))
