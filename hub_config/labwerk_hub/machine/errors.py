"""What can go wrong on the machine: each error is one sentence with its remedy."""

from __future__ import annotations

from pathlib import Path

from labwerk_hub.errors import LabwerkError


class MachineError(LabwerkError):
    """The machine lacks something, or something of Labwerk's cannot be made on it."""

    code = "machine"


class NotRootError(MachineError):
    """The command needs root."""

    code = "not-root"


class PortTakenError(MachineError):
    """A port of the settings is in use by a process that is not ours."""

    code = "port-taken"


class DiskFullError(MachineError):
    """There is not enough room on a disk."""

    code = "disk-full"


class NodeError(MachineError):
    """No usable Node, and none could be installed."""

    code = "node"


class InstallError(MachineError):
    """Packages could not be installed."""

    code = "install"


class ProgramError(MachineError):
    """One of Labwerk's programs does not come up, or does not stay up."""

    code = "program"


class BusyError(MachineError):
    """Another command is changing this installation right now."""

    code = "busy"


class CommandError(LabwerkError):
    """A command that was run failed; steps turn it into a sentence that says what for."""

    code = "command"

    def __init__(self, command: str, status: int, reason: str, log: Path) -> None:
        super().__init__(f"{command} ended with status {status}: {reason} (all of it: {log}).")
        self.status = status
        self.reason = reason
        self.log = log


class PoolError(MachineError):
    """Something is wrong with the pool of GPUs, or with what is promised of it."""

    code = "pool"
