"""What is known of weaknesses in an image's packages, asked of an advisory service.

pip-audit asks; it runs from the environment of the build tools. Where no service is in
reach, that is what is said: never that there is nothing known.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from labwerk_hub.machine.environment import tool_environment
from labwerk_hub.machine.files import write_whole
from labwerk_hub.machine.images.locks import read_lock
from labwerk_hub.machine.log import Log

#: Seconds after which an advisory service counts as out of reach.
_PATIENCE_S = 180


@dataclass(frozen=True)
class Audit:
    """What an audit came to: weaknesses as "package version id", or why there was none."""

    asked: int
    known: tuple[str, ...] = ()
    failed: str = ""

    @property
    def sentence(self) -> str:
        """The result with its day, as the image's label has it."""
        day = datetime.now(UTC).date().isoformat()
        if self.failed:
            return f"{day}: not done, {self.failed}"
        if not self.known:
            return f"{day}: nothing known of {self.asked} packages"
        return f"{day}: {len(self.known)} known in {self.asked} packages: {', '.join(self.known)}"


def audit(locks: Sequence[Path], python: Path, log: Log) -> Audit:
    """Ask for what is known of the packages of an image's lock files.

    ``python`` is the interpreter of the build tools' environment. PIP_AUDIT_OSV_URL and
    PIP_AUDIT_VULNERABILITY_SERVICE name another service, such as a site's own mirror.
    """
    pins = {name: pin for lock in locks for name, pin in read_lock(lock).items()}
    public = "\n".join(f"{p.name}=={p.version.partition('+')[0]}" for p in pins.values())
    with tempfile.TemporaryDirectory(prefix="labwerk-audit-") as folder:
        requirements = Path(folder) / "requirements.txt"
        write_whole(requirements, public + "\n")
        command = [
            *(str(python), "-m", "pip_audit", "--requirement", str(requirements), "--no-deps"),
            *("--disable-pip", "--format", "json", "--progress-spinner", "off"),
            *("--cache-dir", folder, "--timeout", "10"),
        ]
        log.say("$ " + " ".join(command))
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=_PATIENCE_S,
                env={**os.environ, **tool_environment(python)},
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            log.say(f"the audit came to nothing: {error}")
            return Audit(len(pins), failed="no advisory service answered in time")
    log.say(done.stderr.strip() or "pip-audit said nothing beside its answer")
    try:
        rows = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return Audit(len(pins), failed="no advisory service is in reach")
    unknown = [row["name"] for row in rows if "skip_reason" in row]
    if rows and len(unknown) == len(rows):
        return Audit(len(pins), failed="the index that pip is set to has no advisories")
    known = [
        f"{row['name']} {row['version']} {weakness['id']}"
        for row in rows
        for weakness in row.get("vulns", [])
    ]
    return Audit(len(rows) - len(unknown), tuple(sorted(known)))
