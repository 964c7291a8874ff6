"""Errors that people and operators read.

Every error is a type with a stable ``code`` and one sentence that names the file,
key or value at fault and what would be right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class LabwerkError(Exception):
    """An error with a code and a sentence; the base of all of ours."""

    code: ClassVar[str] = "labwerk"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class SettingsError(LabwerkError):
    """The settings file cannot be used; ``problems`` has one sentence for each fault."""

    code = "settings"

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class UnknownPersonError(LabwerkError):
    """Nobody of that name has signed in here, or their institution has left."""

    code = "unknown-person"


class EngineUnreachableError(LabwerkError):
    """The container engine does not answer."""

    code = "engine-unreachable"


class EngineRefusedError(LabwerkError):
    """The container engine answers, and refuses what is asked of it for a session."""

    code = "engine-refused"


class DatabaseError(LabwerkError):
    """Labwerk's database is missing, locked for too long, or of another version."""

    code = "database"


class StorageError(LabwerkError):
    """A home, project folder or dataset could not be prepared by the root helper."""

    code = "storage"


class GpuDriverError(LabwerkError):
    """The GPU driver cannot be read, or did not do what it was asked."""

    code = "gpu-driver"


class GpuBusyError(LabwerkError):
    """A process still lives in an instance that is to be destroyed."""

    code = "gpu-busy"


class GpuFaultError(LabwerkError):
    """The GPU is gone or broken."""

    code = "gpu-fault"


class MailServerError(LabwerkError):
    """The site's mail server cannot be reached, or does not let us in."""

    code = "mail-server"


class MailRefusedError(LabwerkError):
    """The mail server does not take one mail; ``is_final`` if it will not later either."""

    code = "mail-refused"

    def __init__(self, message: str, *, is_final: bool) -> None:
        super().__init__(message)
        self.is_final = is_final
