"""The root helper: the few things that need root, behind a narrow interface.

It takes names, never paths, and looks everything else up in the settings' copy, which
only root can write. It serves root and Labwerk's system user, told by the kernel, and
writes in no folder that anybody else could have prepared.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import socketserver
import struct
import threading
import time
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from labwerk_hub.adapters.driver import GpuCall
from labwerk_hub.adapters.helper_socket import Answer
from labwerk_hub.adapters.storage import (
    CloseData,
    DatasetName,
    KeepingCall,
    OpenData,
    PrepareHome,
    PrepareProject,
    StorageCall,
)
from labwerk_hub.domain.quotas import Folder, FolderKind
from labwerk_hub.errors import LabwerkError, StorageError
from labwerk_hub.machine import firewall, mounts
from labwerk_hub.machine.accounts import account
from labwerk_hub.machine.errors import MachineError
from labwerk_hub.machine.helper_gpus import GpuKeeper
from labwerk_hub.machine.helper_storage import StorageKeeper
from labwerk_hub.machine.log import Log
from labwerk_hub.machine.places import Places
from labwerk_hub.settings import DatasetSettings, Settings

Call = StorageCall | KeepingCall | GpuCall
CALL: TypeAdapter[Call] = TypeAdapter(Annotated[Call, Field(discriminator="call")])
_LONGEST_LINE = 65536
#: Seconds between two looks at the firewall rules.
_FIREWALL_PERIOD = 30
_log = logging.getLogger(__name__)
#: ACL of project folders: whoever has the folder mounted may read and write all of it.
#: Version 2, then (tag, permissions, id) of owner, group and others.
_NOBODY = 0xFFFFFFFF
_OPEN_ACL = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", tag, 7, _NOBODY) for tag in (0x01, 0x04, 0x20)
)


class Helper:
    """Carries out calls for one installation."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._places = Places(settings.machine.state)
        self._one_at_a_time = threading.Lock()
        self._gpus = GpuKeeper(settings.pool)
        self._disk = StorageKeeper(settings)

    def keep_gpus(self) -> None:
        """Look after the driver's GPUs until the helper ends; for a thread."""
        self._gpus.keep()

    def prepare(self) -> None:
        """Mount what homes are kept in, session data's shared mount, and a stage for others."""
        self._disk.prepare()
        mounts.ensure_shared(self._places.data)
        self._stage.mkdir(mode=0o700, exist_ok=True)
        mounts.unmount_all(self._stage)
        (self._stage / "folder").mkdir(exist_ok=True)
        (self._stage / "file").touch()

    @property
    def _stage(self) -> Path:
        return self._places.run / "stage"

    def carry_out(self, call: Call) -> Answer:
        """Do what is asked; a problem becomes the answer's sentence."""
        try:
            if isinstance(call, GpuCall):  # a driver that hangs must not hold up homes
                return self._gpus.carry_out(call)
            if isinstance(call, KeepingCall):  # nor must a folder that takes long to walk
                return self._disk.carry_out(call)
            with self._one_at_a_time:
                return Answer(path=self._do(call))
        except LabwerkError as error:
            return Answer(problem=error.message, code=error.code)
        except OSError as error:
            return Answer(problem=f"{error.filename or self._places.state}: {error.strerror}.")

    def _do(self, call: StorageCall) -> str:
        if isinstance(call, PrepareHome):
            return str(self._prepare_home(call))
        if isinstance(call, PrepareProject):
            return str(self._prepare_project(call.project))
        if isinstance(call, OpenData):
            return str(self._open_data(call))
        if isinstance(call, CloseData):
            self._close_data(call.session)
        return ""

    def _prepare_home(self, call: PrepareHome) -> Path:
        """A home is filled aside and moved into place, so nothing is written into one later."""
        if call.uid < self._settings.machine.first_uid:
            raise StorageError(
                f"User id {call.uid} of {call.person} is below machine.first_uid; it is not ours."
            )
        home = self._places.homes / call.person
        if os.path.lexists(home):
            if home.is_symlink() or home.stat().st_uid != call.uid:
                raise StorageError(
                    f"{home} does not belong to user id {call.uid}; see who made it."
                )
            return home
        self._disk.require_mounted()
        fresh = self._places.homes / f".{call.person}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        self._disk.make(fresh, Folder(FolderKind.HOME, call.person))
        welcome = self._places.notebooks / call.language
        if welcome.is_dir():
            shutil.copytree(welcome, fresh, dirs_exist_ok=True)
            fresh.chmod(0o700)  # copying took the mode of the source
        for path in (fresh, *fresh.rglob("*")):
            os.chown(path, call.uid, call.uid, follow_symlinks=False)
        fresh.replace(home)
        return home

    def _prepare_project(self, name: str) -> Path:
        if name not in {project.name for project in self._settings.projects}:
            raise StorageError(f"There is no project {name!r} in the settings.")
        folder = self._places.projects / name
        if not folder.exists():
            self._disk.require_mounted()
            fresh = self._places.projects / f".{name}.new"
            shutil.rmtree(fresh, ignore_errors=True)
            self._disk.make(fresh, Folder(FolderKind.PROJECT, name))
            fresh.chmod(0o777)
            _open_to_members(fresh)
            fresh.replace(folder)
        return folder

    def _open_data(self, call: OpenData) -> Path:
        wanted = [(name, self._dataset(name)) for name in call.datasets]
        top = self._places.data / call.session
        top.mkdir(mode=0o755, exist_ok=True)
        there = set(mounts.mount_points(top))
        for name, dataset in wanted:
            folder = top / name.institution / name.name / name.version
            folder.mkdir(parents=True, exist_ok=True)
            for file in dataset.files:
                source = self._settings.resolve(file)
                target = folder / source.name
                if target not in there:
                    target.mkdir(exist_ok=True) if source.is_dir() else target.touch()
                    mounts.bind_read_only(source, target, self._stage)
        return top

    def _dataset(self, name: DatasetName) -> DatasetSettings:
        for dataset in self._settings.datasets:
            if (dataset.institution, dataset.name, dataset.version) == (
                name.institution,
                name.name,
                name.version,
            ):
                return dataset
        raise StorageError(
            f"There is no dataset {name.institution}/{name.name} {name.version} in the settings."
        )

    def _close_data(self, session: str) -> None:
        top = self._places.data / session
        if top.exists():
            mounts.unmount_all(top)
            shutil.rmtree(top)


def _open_to_members(folder: Path) -> None:
    """Let what one member makes be another's too, whatever the umask; as far as disks can.

    Only the project's sessions have the folder mounted, so "others" are its members.
    """
    try:
        os.setxattr(folder, "system.posix_acl_default", _OPEN_ACL)
    except OSError:
        return  # a file system without ACLs: members set permissions themselves


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, path: Path, helper: Helper, allowed_uid: int) -> None:
        self.helper = helper
        self.allowed = {0, allowed_uid}
        super().__init__(str(path), _Handler)


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        if _peer_uid(self.request) not in self.server.allowed:
            return
        while line := self.rfile.readline(_LONGEST_LINE):
            try:
                answer = self.server.helper.carry_out(CALL.validate_json(line))
            except ValidationError as error:
                details = error.errors(include_url=False, include_input=False)
                answer = Answer(problem=f"The root helper refuses the call: {details[0]['msg']}.")
            self.wfile.write(answer.model_dump_json().encode() + b"\n")


def _peer_uid(connection: socket.socket) -> int:
    size = struct.calcsize("3i")
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    return int(struct.unpack("3i", credentials)[1])


def open_server(settings: Settings) -> _Server:
    """Prepare the mounts and listen; the caller serves and closes."""
    places, who = Places(settings.machine.state), account(settings.machine.user)
    helper = Helper(settings)
    helper.prepare()
    places.helper_socket.unlink(missing_ok=True)
    server = _Server(places.helper_socket, helper, who.uid)
    os.chown(places.helper_socket, 0, who.gid)
    places.helper_socket.chmod(0o660)
    return server


def _keep_firewall(settings: Settings) -> None:
    """Renew the rules when somebody else's firewall has flushed them; for a thread."""
    log = Log(Places(settings.machine.state).logs / "firewall.log")
    while True:
        time.sleep(_FIREWALL_PERIOD)
        try:
            if not firewall.is_in_place(settings.network.bridge):
                firewall.ensure_firewall(settings.network, log)
                _log.warning("The firewall rules were gone and are renewed.")
        except MachineError as error:
            _log.error("%s", error)


def serve(settings: Settings) -> None:
    """Answer calls until ended. Mounts stay when it ends and are known again afterwards."""
    keeper = threading.Thread(target=_keep_firewall, args=[settings], daemon=True)
    keeper.start()
    with open_server(settings) as server:
        threading.Thread(target=server.helper.keep_gpus, daemon=True).start()
        server.serve_forever()
