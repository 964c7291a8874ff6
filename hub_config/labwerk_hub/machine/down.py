"""`down`, `restart` and `reset`: ending what ``up`` started, and removing what it made."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import docker.errors

from labwerk_hub.errors import EngineUnreachableError, StorageError
from labwerk_hub.machine import engine, firewall, helper, mounts, network, volume
from labwerk_hub.machine.errors import CommandError, MachineError
from labwerk_hub.machine.helper_storage import remove_snapshots
from labwerk_hub.machine.images.engine_build import LABEL_LAYER, remove_left_overs
from labwerk_hub.machine.log import Log
from labwerk_hub.machine.places import Places
from labwerk_hub.machine.readiness import helper_answers
from labwerk_hub.machine.record import Made
from labwerk_hub.machine.sessions import end_all, running_sessions
from labwerk_hub.machine.supervisor import Supervisor
from labwerk_hub.settings import Settings


def take_down(
    settings: Settings, places: Places, host: str, log: Log, *, keep_engine: bool = False
) -> list[str]:
    """End sessions, programs, and the engine if ``up`` started it; what there is to say.

    With ``keep_engine`` it goes on running, for what is still to be removed from it.

    Sessions end first, while the programs run, so that the hub knows and every charge is
    closed; one that slipped in meanwhile ends after the programs. Raises MachineError at
    the end if the engine could not be asked to end sessions.
    """
    said, unreachable = [], None
    supervisor = Supervisor(places)
    if not supervisor.is_running() and engine.started_engine(places) is None:
        said.append("No program of Labwerk was running.")
    try:
        if places.settings.exists():  # else `up` never came to where sessions can be
            _end_sessions_and_programs(settings, places, host, log)
    except (CommandError, EngineUnreachableError) as error:
        unreachable = error
        supervisor.stop(log)
    if unreachable is None:
        mounts.unmount_all(places.data)  # else sessions that run on would lose their data
        volume.leave_volume(places)
    if not keep_engine and (stopped := engine.stop_started_engine(places, log)):
        said.append(stopped)
    if unreachable is not None and _engine_answers(host):
        raise MachineError(f"Sessions could not be ended: {unreachable.message}")
    if unreachable is not None:
        said.append(f"The engine at {host} does not answer, so no session could be asked to end.")
    return said


def _end_sessions_and_programs(settings: Settings, places: Places, host: str, log: Log) -> None:
    with _helper_answering(settings, places):
        end_all(settings, places, log)
        Supervisor(places).stop(log)
    if running_sessions(places, host):
        with _helper_answering(settings, places):
            end_all(settings, places, log)


def _engine_answers(host: str) -> bool:
    try:
        engine.facts(host)
    except EngineUnreachableError:
        return False
    return True


@contextmanager
def _helper_answering(settings: Settings, places: Places) -> Iterator[None]:
    """The root helper, which ends sessions' mounts: the one that runs, or one for now."""
    if helper_answers(places):
        yield
        return
    try:
        server = helper.open_server(settings)
    except OSError as error:
        raise StorageError(f"{places.helper_socket}: {error.strerror}.") from None
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
            places.helper_socket.unlink(missing_ok=True)


def remove_everything(
    settings: Settings, places: Places, host: str, log: Log, *, images: bool
) -> list[str]:
    """Remove all that ``up`` made except Debian packages; what stays, in sentences.

    Programs and sessions must have ended.
    """
    said: list[str] = []
    try:
        client = engine.connect(host)
    except EngineUnreachableError:
        said.append(f"The engine at {host} does not answer: its network and images stay.")
    else:
        network.remove_network(client, settings.network.bridge, places.instance)
        if images:
            said += _remove_images(client)
    if stopped := engine.stop_started_engine(places, log):
        said.append(stopped)
    firewall.remove_firewall(settings.network.bridge, log)
    if settings.database.url:
        said.append(f"The database stays on its server: {settings.database.url}.")
    return said + remove_beginnings(places)


def remove_beginnings(places: Places) -> list[str]:
    """Remove the system user, if `up` made it, and the state directory; what stays."""
    made = Made.read(places.record)
    if made.user:
        subprocess.run(["userdel", made.user], check=False, capture_output=True)
    remove_state(places)
    if made.packages:
        return [f"The Debian packages stay: {' '.join(made.packages)}."]
    return []


def _remove_images(client: docker.DockerClient) -> list[str]:
    """Remove Labwerk's images and the layers they are built on, newest first."""
    said = []
    remove_left_overs(client)
    for image in client.images.list(filters={"label": LABEL_LAYER}):
        for name in image.tags or [str(image.id)]:
            try:
                client.images.remove(name)
            except docker.errors.ImageNotFound:
                continue  # went with one that was built on it
            except docker.errors.APIError as error:
                said.append(f"The image {name} stays: {error.explanation}.")
    return said


def remove_state(places: Places) -> None:
    """Remove the state directory, or what is in it where it is a mount of its own."""
    mounts.unmount_all(places.data)
    mounts.unmount_all(places.run)
    remove_snapshots(places)
    volume.leave_volume(places)
    if mounted := [point for point in mounts.mount_points(places.state) if point != places.state]:
        raise MachineError(f"{mounted[0]} is still mounted; unmount it, then `reset` again.")
    if places.state in mounts.mount_points(places.state):
        for entry in places.state.iterdir():
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    else:
        shutil.rmtree(places.state)
