"""supervisord's configuration for Labwerk's programs."""

from __future__ import annotations

from collections.abc import Sequence

from labwerk_hub.machine.places import Places
from labwerk_hub.machine.programs import INSTANCE_VARIABLE, Program, log_of

_LOG_BYTES = 10_000_000


def config_text(places: Places, programs: Sequence[Program]) -> str:
    """supervisord's configuration for these programs."""
    sections = [
        _section(
            "supervisord",
            {
                "logfile": str(places.logs / "supervisord.log"),
                "logfile_maxbytes": str(_LOG_BYTES),
                "logfile_backups": "2",
                "pidfile": str(places.run / "supervisord.pid"),
                "childlogdir": str(places.logs),
                "directory": str(places.state),
                "user": "root",
                "minfds": "16384",
                "umask": "022",
                "environment": f'{INSTANCE_VARIABLE}="{places.instance}"',
            },
        ),
        _section("unix_http_server", {"file": str(places.supervisor_socket), "chmod": "0600"}),
        _section(
            "rpcinterface:supervisor",
            {"supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"},
        ),
    ]
    sections += [
        _program_section(places, program, priority) for priority, program in enumerate(programs, 1)
    ]
    return "\n".join(sections)


def _program_section(places: Places, program: Program, priority: int) -> str:
    environment = ",".join(f'{key}="{value}"' for key, value in sorted(program.environment.items()))
    values = {
        "command": " ".join(program.command),
        "directory": str(places.state),
        "environment": environment,
        "priority": str(priority),
        "autostart": "true",
        "autorestart": "true",
        "startsecs": "2",
        # The engine or the provider may be away for a while: go on trying, ever slower.
        "startretries": "1000",
        "stopwaitsecs": str(program.stop_seconds),
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": str(log_of(places, program.name)),
        "stdout_logfile_maxbytes": str(_LOG_BYTES),
        "stdout_logfile_backups": "3",
    }
    if program.user:
        values["user"] = program.user
    return _section(f"program:{program.name}", values)


def _section(name: str, values: dict[str, str]) -> str:
    # supervisord expands %(…)s in values.
    lines = [f"{key} = {value.replace('%', '%%')}" for key, value in values.items()]
    return "\n".join([f"[{name}]", *lines, ""])
