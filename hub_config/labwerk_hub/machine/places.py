"""Where everything is below the state directory, by name.

Standard library only: ``python3 hub_config`` uses this before anything is installed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path


def before(top: Path) -> Path:
    """Beside a folder, what was in it before `storage convert`."""
    return top.with_name(f"{top.name}.before")


@dataclass(frozen=True)
class Places:
    """The files and folders of one installation."""

    state: Path

    @property
    def env(self) -> Path:
        """The private Python environment in use: a link into :attr:`envs`."""
        return self.state / "env"

    @property
    def envs(self) -> Path:
        """Python environments, one per lock file and interpreter."""
        return self.state / "envs"

    @property
    def labwerk(self) -> Path:
        """The installed command."""
        return self.env / "bin" / "labwerk"

    @property
    def node(self) -> Path:
        """Node programs (``proxy``, ``provider``) and, where needed, Node itself."""
        return self.state / "node"

    @property
    def cache(self) -> Path:
        """What package installers downloaded."""
        return self.state / "cache"

    @property
    def settings(self) -> Path:
        """The checked copy of the settings file that the processes run with."""
        return self.state / "settings.toml"

    @property
    def hub_config(self) -> Path:
        """The copy of ``jupyterhub_config.py`` that the hub runs with."""
        return self.state / "jupyterhub_config.py"

    @property
    def hub_database(self) -> Path:
        """JupyterHub's own database."""
        return self.state / "hub.sqlite"

    @property
    def database(self) -> Path:
        """Labwerk's own database."""
        return self.state / "labwerk.sqlite"

    @property
    def images(self) -> Path:
        """Which image tag each image of the settings was built as."""
        return self.state / "images.json"

    @property
    def record(self) -> Path:
        """What ``up`` made on this machine, so that ``reset`` removes just that."""
        return self.state / "made.json"

    @property
    def origin(self) -> Path:
        """Which checkout and settings file this installation comes from."""
        return self.state / "origin.json"

    @property
    def lock(self) -> Path:
        """Held while a command changes the installation."""
        return self.state / "lock"

    @property
    def secrets(self) -> Path:
        """Tokens and keys, readable by the system user alone."""
        return self.state / "secrets"

    @property
    def logs(self) -> Path:
        """Logs of ``up`` and of every program."""
        return self.state / "logs"

    @property
    def up_log(self) -> Path:
        """The full output of everything that ``up`` ran."""
        return self.logs / "up.log"

    @property
    def run(self) -> Path:
        """Sockets and process ids of what runs now."""
        return self.state / "run"

    @property
    def proxy_pages(self) -> Path:
        """What the proxy shows by itself where nothing answers."""
        return self.run / "proxy-pages"

    @property
    def supervisor_config(self) -> Path:
        """The generated configuration of supervisord."""
        return self.run / "supervisord.conf"

    @property
    def supervisor_socket(self) -> Path:
        """Where supervisord is spoken to."""
        return self.run / "supervisor.sock"

    @property
    def helper_socket(self) -> Path:
        """Where the root helper listens."""
        return self.run / "helper.sock"

    @property
    def engine_record(self) -> Path:
        """The engine daemon that ``up`` started, if it did."""
        return self.run / "engine.json"

    @property
    def homes(self) -> Path:
        """One folder per person."""
        return self.state / "homes"

    @property
    def projects(self) -> Path:
        """One shared folder per project."""
        return self.state / "projects"

    @property
    def snapshots(self) -> Path:
        """One folder per person, with the snapshots of their home."""
        return self.state / "snapshots"

    @property
    def volume_file(self) -> Path:
        """The file that homes and projects are kept in, where the settings want one."""
        return self.state / "volume.btrfs"

    @property
    def volume(self) -> Path:
        """Where that file is mounted."""
        return self.state / "volume"

    @property
    def converting(self) -> Path:
        """There while folders are being made subvolumes."""
        return self.state / "converting"

    @property
    def data(self) -> Path:
        """One folder per session, into which its datasets are mounted."""
        return self.state / "data"

    @property
    def datasets(self) -> Path:
        """Copies of the dataset files that lie beside the settings file."""
        return self.state / "datasets"

    @property
    def notebooks(self) -> Path:
        """The welcome notebooks that a new home gets."""
        return self.state / "notebooks"

    @property
    def instance(self) -> str:
        """Tells this installation's containers and networks from another's on one engine."""
        return hashlib.sha256(str(self.state).encode()).hexdigest()[:12]
