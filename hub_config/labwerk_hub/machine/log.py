"""The log of ``up``: everything that was run, with its full output.

Standard library only.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from labwerk_hub.machine.errors import CommandError

_KEEP_BYTES = 5_000_000


@dataclass(frozen=True)
class Account:
    """Whom a command runs as: user id, group id and further groups."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()


class Log:
    """Appends to a file; :meth:`run` runs a command into it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > _KEEP_BYTES:
            path.replace(path.with_suffix(".log.1"))

    def say(self, text: str) -> None:
        """One line with the time of day."""
        stamp = datetime.now().astimezone().isoformat(timespec="seconds")
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(f"{stamp} {text}\n")

    def run(
        self,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        bare: bool = False,
        cwd: Path | None = None,
        account: Account | None = None,
        stdin: str | None = None,
    ) -> None:
        """Run a command with its output in the log.

        ``env`` adds to the environment, or is all of it if ``bare``. Raises
        :class:`CommandError` with the line of the output that says most, if the command
        fails or cannot be started.
        """
        words = [str(word) for word in command]
        self.say("$ " + shlex.join(words))
        start = self.path.stat().st_size
        with self.path.open("ab") as stream:
            try:
                done = subprocess.run(
                    words,
                    stdin=None if stdin is not None else subprocess.DEVNULL,
                    input=None if stdin is None else stdin.encode(),
                    stdout=stream,
                    stderr=subprocess.STDOUT,
                    env={**({} if bare else os.environ), **(env or {})},
                    cwd=cwd,
                    check=False,
                    user=account.uid if account else None,
                    group=account.gid if account else None,
                    extra_groups=account.groups if account else None,
                )
            except OSError as error:
                reason = error.strerror or "cannot be started"
                raise CommandError(words[0], 127, reason, self.path) from None
        if done.returncode != 0:
            raise CommandError(Path(words[0]).name, done.returncode, self._reason(start), self.path)

    def _reason(self, start: int) -> str:
        with self.path.open("rb") as stream:
            stream.seek(start)
            lines = stream.read().decode(errors="replace").splitlines()
        return telling_line(lines)


def telling_line(lines: Sequence[str]) -> str:
    """The line of a failed command's output that says most: the last that names an error."""
    told = [line.strip() for line in lines if line.strip() and "notice" not in line]
    errors = [line for line in told if "error" in line.lower() or line.startswith("E:")]
    chosen = (errors or told or ["it said nothing"])[-1]
    return chosen.rstrip(".")[:300]
