"""An engine that `up` starts by itself, and ends again; apart from the tests' own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from support.environment import REPOSITORY, variables

#: Runs with a network of its own: another engine in ours would flush its firewall chains.
SCRIPT = """
import json, sys
from pathlib import Path
from labwerk_hub.machine import engine, processes
from labwerk_hub.machine.log import Log
from labwerk_hub.machine.places import Places

folder = Path(sys.argv[1])
places = Places(folder / "state")
places.run.mkdir(parents=True)
log = Log(places.up_log)
daemon = engine.Daemon(
    socket=folder / "docker.sock",
    arguments=(
        "--live-restore",
        f"--data-root={folder}/data",
        f"--exec-root={folder}/exec",
        f"--pidfile={folder}/docker.pid",
        "--containerd-namespace=labwerk-up",
        "--containerd-plugins-namespace=labwerk-up-p",
    ),
)
started = engine.ensure_engine(places, log, {}, daemon)
record = engine.started_engine(places)
again = engine.ensure_engine(places, log, {}, daemon)
said = engine.stop_started_engine(places, log)
print(json.dumps({
    "version": started.version,
    "live_restore": started.live_restore,
    "same": again == started,
    "group": processes.birth(record.pid),
    "said": said,
    "twice": engine.stop_started_engine(places, log),
}))
"""


def test_up_starts_an_engine_where_none_answers_and_ends_it_again(tmp_path: Path) -> None:
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", SCRIPT, str(tmp_path)],
        env=variables() | {"PYTHONPATH": str(REPOSITORY / "hub_config")},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    log = tmp_path / "state" / "logs" / "dockerd.log"
    assert done.returncode == 0, done.stderr + (log.read_text() if log.exists() else "")
    told = json.loads(done.stdout)
    assert told["version"]
    assert told["live_restore"] is True
    assert told["same"] is True
    assert told["group"] is None
    assert told["said"].endswith("is stopped.")
    assert told["twice"] == ""
    assert _running_from(tmp_path) == []


def _running_from(folder: Path) -> list[bytes]:
    """Command lines of processes that name a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:  # it has ended meanwhile
            continue
        if str(folder).encode() in line:
            found.append(line)
    return found
