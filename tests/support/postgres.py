"""A PostgreSQL server of the tests' own, from Debian's packages.

Its cluster lies in the tests' cache for as long as it runs, it listens on a free port of
loopback (the sandbox's, inside of it), asks for a password, and runs as the system user that
Debian's package made, since PostgreSQL refuses root. It ends with who started it.
"""

from __future__ import annotations

import itertools
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from support import environment
from support.waiting import eventually

#: Whom the server knows; as whom the tests and Labwerk sign in.
ROLE = "labwerk"
_DEBIAN = Path("/usr/lib/postgresql")
_PATIENCE_S = 30.0


def programs() -> Path | None:
    """The folder of the newest server that is installed; None if there is none."""
    found = [place.parent for place in _DEBIAN.glob("*/bin/postgres")]
    return max(found, key=lambda place: int(place.parent.name), default=None)


class Postgres:
    """A running server; ``durable`` ones keep what is committed over a power cut."""

    def __init__(self, programs: Path, folder: Path, *, durable: bool) -> None:
        self._programs = programs
        self._folder = folder
        self._data = folder / "data"
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self.password = secrets.token_urlsafe(12)
        with closing(socket.socket()) as taken:
            taken.bind(("127.0.0.1", 0))
            self.port = int(taken.getsockname()[1])
        self._options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "shared_buffers": "64MB",
            # What a test keeps waiting is told of in seconds, not never.
            "deadlock_timeout": "1s",
            "fsync": "on" if durable else "off",
            "synchronous_commit": "on" if durable else "off",
        }

    def address(self, database: str, *, with_password: bool = True) -> str:
        """A database's URL, as SQLAlchemy and ``database.url`` take it."""
        who = f"{ROLE}:{self.password}" if with_password else ROLE
        return f"postgresql+psycopg://{who}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """A connection of the tests' own, where each statement is kept at once."""
        address = self.address(database).replace("+psycopg", "")
        return psycopg.connect(address, autocommit=True)

    def new_database(self, sorted_as_in: str | None = None) -> str:
        """The name of a new, empty database; texts in the order of a language such as ``cs``."""
        name = f"tests_{next(self._numbers)}"
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if sorted_as_in is not None:
            order = sql.SQL(" TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE {}")
            statement += order.format(sql.Literal(sorted_as_in))
        with closing(self.connect()) as connection:
            connection.execute(statement)
        return name

    def drop(self, database: str) -> None:
        """Remove a database, whoever is connected to it."""
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        with closing(self.connect()) as connection:
            connection.execute(statement.format(sql.Identifier(database)))

    def restart(self) -> None:
        """End it, whoever is connected, and start it again."""
        self.stop()
        self.start()

    def make(self) -> None:
        """The cluster's files, with one role that may do everything."""
        self._folder.mkdir(parents=True)
        password = self._folder / "password"
        password.write_text(self.password)
        if user := _other_user():
            os.chown(self._folder, user.pw_uid, user.pw_gid)
            os.chown(password, user.pw_uid, user.pw_gid)
        command = [str(self._programs / "initdb"), "-D", str(self._data), "--no-sync"]
        command += ["--encoding=UTF8", "--locale=C.UTF-8", f"--username={ROLE}"]
        command += ["--auth=scram-sha-256", f"--pwfile={password}"]
        done = self._run(command)
        assert done.returncode == 0, f"initdb failed:\n{done.stdout}{done.stderr}"

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        options = [f"--{name}={value}" for name, value in self._options.items()]
        command = [str(self._programs / "postgres"), "-D", str(self._data), *options]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                _as_other_user(command),
                cwd="/",
                env=environment.variables(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        eventually(self._answers, _PATIENCE_S, "PostgreSQL's answer")

    def _answers(self) -> bool:
        assert self._process is not None
        ended = self._process.poll() is not None
        assert not ended, (self._folder / "log").read_text(errors="replace")[-2000:]
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """End it at once, with a clean shutdown; connections are cut."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # PostgreSQL's word for that
            self._process.wait(timeout=_PATIENCE_S)
            self._process = None

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            _as_other_user(command),
            cwd="/",
            env=environment.variables(),
            capture_output=True,
            text=True,
        )


@contextmanager
def serving(*, durable: bool = False) -> Iterator[Postgres]:
    """A server for as long as this is open, and nothing of it afterwards."""
    found = programs()
    assert found is not None, "Debian's package postgresql is not installed"
    folder = environment.cache() / "postgres" / f"{os.getpid()}-{secrets.token_hex(4)}"
    _remove_left_overs(folder.parent)
    server = Postgres(found, folder, durable=durable)
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _remove_left_overs(top: Path) -> None:
    """What runs that were killed have left; their servers have ended with them."""
    for folder in top.glob("*-*"):
        pid = int(folder.name.partition("-")[0])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)


def _other_user() -> pwd.struct_passwd | None:
    """Whom the server runs as in place of root."""
    return pwd.getpwnam("postgres") if os.geteuid() == 0 else None


def _as_other_user(command: list[str]) -> list[str]:
    prefix = ["setpriv"]
    if user := _other_user():
        prefix += [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    # It ends with us, even if we are killed.
    return [*prefix, "--pdeathsig=INT", "--", *command]
