"""The Docker engine: what it says of sessions, and what it is asked for.

Everything that reaches the engine's socket goes through here (the hub's spawner uses
:func:`engine_arguments` and the same client), so that a guard which checks requests can
stand in front of it later.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import docker
import docker.errors
import requests
from docker.types import DeviceRequest as DockerDeviceRequest
from docker.types import LogConfig
from docker.types import Mount as DockerMount
from docker.utils import kwargs_from_env

from labwerk_hub.domain.container import (
    LABEL_INSTANCE,
    LABEL_PERSON,
    LABEL_SESSION,
    LABEL_SLICE,
    PORT,
    ContainerSpec,
)
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.errors import EngineRefusedError, EngineUnreachableError
from labwerk_hub.services.ports import ContainerState, SessionContainer

#: Seconds an answer may take; a frozen engine counts as unreachable after that.
_TIMEOUT = 20
#: Seconds a server gets to save and end before it is killed.
_GRACE = 10
_CPU_PERIOD_US = 100_000
#: What an engine answers for a command that is not there, or that cannot be run.
_NO_SUCH_TOOL = (126, 127)
_DEVICE = re.compile(r"\(UUID: ((GPU|MIG)-[^)]+)\)")
#: The engine's way to say "never".
_NEVER = "0001-01-01T00:00:00Z"


class DockerEngine:
    """The Engine port over Docker's API; safe to use from several threads.

    ``instance`` tells this installation's containers from another's on the same engine.
    """

    def __init__(self, instance: str, base_url: str | None = None) -> None:
        self._instance = instance
        self._base_url = base_url
        self._opened: docker.APIClient | None = None

    @property
    def client(self) -> docker.APIClient:
        """The engine's API client; EngineUnreachableError if nothing answers."""
        if self._opened is None:
            with unreachable():
                self._opened = open_client(self._base_url)
        return self._opened

    def sessions(self) -> list[SessionContainer]:
        """All containers of this installation's sessions, running or not."""
        filters = {"label": [LABEL_SESSION, f"{LABEL_INSTANCE}={self._instance}"]}
        with _answering():
            listed = self.client.containers(all=True, filters=filters)
        found = (self.session(entry["Labels"][LABEL_SESSION]) for entry in listed)
        return [container for container in found if container is not None]

    def session(self, session: str) -> SessionContainer | None:
        """One session's container; None if the engine has none."""
        with _answering():
            try:
                return session_container(self.client.inspect_container(session))
            except docker.errors.NotFound:
                return None

    def stop(self, session: str) -> None:
        """Stop the container, giving it time to end by itself; nothing if it is gone."""
        with _answering():
            try:
                self.client.stop(session, timeout=_GRACE)
            except docker.errors.NotFound:
                return

    def remove(self, session: str) -> None:
        """Remove the container with its anonymous volumes; nothing if it is gone."""
        with _answering():
            try:
                self.client.remove_container(session, v=True, force=True)
            except docker.errors.NotFound:
                return
            except docker.errors.APIError as error:
                if error.status_code != requests.codes.conflict:  # already being removed
                    raise

    def cpu_ns(self, session: str) -> int | None:
        """Processor time the session has used since its start; None if it does not run."""
        with _answering():
            try:
                stats = self.client.stats(session, stream=False, one_shot=True)
            except docker.errors.NotFound:
                return None
        used = stats.get("cpu_stats", {}).get("cpu_usage", {}).get("total_usage")
        return int(used) if used else None

    def devices(self, session: str) -> frozenset[str] | None:
        """The GPU devices (``MIG-…`` or ``GPU-…``) that a running session sees inside.

        NVIDIA's own tool says so, which the container runtime puts into every container with
        a GPU. None where there is no such tool, or no container any more.
        """
        with _answering():
            try:
                asked = self.client.exec_create(session, ["nvidia-smi", "-L"], stderr=False)
                listed = self.client.exec_start(asked["Id"])
                code = self.client.exec_inspect(asked["Id"])["ExitCode"]
            except docker.errors.APIError as error:
                if error.is_server_error():
                    raise
                return None
        if code in _NO_SUCH_TOOL:
            return None
        return visible_devices(listed.decode("utf-8", "replace"))

    def has_image(self, tag: str) -> bool:
        """Whether the engine holds the image."""
        with _answering():
            try:
                self.client.inspect_image(tag)
            except docker.errors.NotFound:
                return False
            return True


def visible_devices(listing: str) -> frozenset[str]:
    """The devices of an ``nvidia-smi -L``: the instances, or GPUs that are not cut."""
    found: set[str] = set()
    gpu = ""
    for uuid, kind in _DEVICE.findall(listing):
        if kind == "GPU":
            gpu = uuid
            found.add(uuid)
        else:  # an instance of the GPU before it, which itself is not handed out
            found.discard(gpu)
            found.add(uuid)
    return frozenset(found)


@contextmanager
def unreachable() -> Iterator[None]:
    """Turn the ways in which an engine does not answer into one error.

    Covers a refused or missing socket, an answer that breaks off or does not come, and a
    5xx from an engine that is going down. What it refuses (4xx) passes through.
    """
    try:
        yield
    except (requests.RequestException, ConnectionError, TimeoutError) as error:
        # docker-py's APIError is a RequestException, too.
        if isinstance(error, docker.errors.APIError) and not error.is_server_error():
            raise
        raise EngineUnreachableError(
            f"The container engine does not answer as it should ({type(error).__name__}: {error}); "
            "start it, or run `python3 hub_config up` again."
        ) from error
    except docker.errors.DockerException as error:
        # docker-py raises the bare base class if it cannot connect while it is made.
        if type(error) is docker.errors.DockerException:
            raise EngineUnreachableError(
                f"The container engine cannot be reached ({error}); check DOCKER_HOST."
            ) from error
        raise


@contextmanager
def refused() -> Iterator[None]:
    """Turn the engine's refusal to do something with a container into our error."""
    try:
        yield
    except docker.errors.APIError as error:
        raise EngineRefusedError(
            f"The container engine refused the session: {error.explanation or error}"
        ) from error


@contextmanager
def _answering() -> Iterator[None]:
    """Turn all that the engine says other than an answer into our errors."""
    with refused(), unreachable():
        yield


def open_client(base_url: str | None = None) -> docker.APIClient:
    """A client of the engine that DOCKER_HOST names, or of the local socket."""
    kwargs = kwargs_from_env()
    if base_url is not None:
        kwargs["base_url"] = base_url
    # A storm of starts asks from many threads: connections are kept for all of them.
    return docker.APIClient(version="auto", timeout=_TIMEOUT, num_pools=32, **kwargs)


def session_container(inspected: Mapping[str, Any]) -> SessionContainer:
    """What the engine says of a session's container."""
    labels, state = inspected["Config"]["Labels"], inspected["State"]
    if state["Running"]:
        status = ContainerState.RUNNING
    elif state["Status"] == "created":
        status = ContainerState.CREATED
    else:
        status = ContainerState.EXITED
    created = _milliseconds(inspected["Created"])
    assert created is not None
    return SessionContainer(
        session=labels[LABEL_SESSION],
        person=labels.get(LABEL_PERSON, ""),
        slice_label=labels.get(LABEL_SLICE, ""),
        state=status,
        created_ms=created,
        started_ms=_milliseconds(state["StartedAt"]),
        finished_ms=_milliseconds(state["FinishedAt"]) if status is ContainerState.EXITED else None,
    )


def _milliseconds(stamp: str) -> int | None:
    # The engine gives nanoseconds; microseconds are all that datetime holds.
    if stamp == _NEVER:
        return None
    whole, dot, rest = stamp.removesuffix("Z").partition(".")
    return to_ms(datetime.fromisoformat(f"{whole}{dot}{rest[:6]}+00:00"))


def engine_arguments(
    client: docker.APIClient, spec: ContainerSpec, environment: Mapping[str, str]
) -> dict[str, Any]:
    """``create_container``'s arguments for ``spec``; keys are Docker's.

    ``environment`` is what the hub adds for its server; the spec's own wins.
    """
    devices = None
    if spec.device is not None:
        # Capabilities choose the driver in engines before 29; CDI requests carry none.
        capabilities = [["gpu"]] if spec.device.driver == "nvidia" else []
        devices = [
            DockerDeviceRequest(
                driver=spec.device.driver,
                device_ids=list(spec.device.device_ids),
                capabilities=capabilities,
            )
        ]
    mounts = [
        DockerMount(
            m.target, m.source, type="bind", read_only=m.read_only, propagation=m.propagation
        )
        for m in spec.mounts
    ]
    host_config = client.create_host_config(
        # Not auto_remove: the finish time is read before the container goes.
        auto_remove=False,
        cap_drop=["ALL"],
        cpu_period=_CPU_PERIOD_US,
        cpu_quota=int(spec.cpus * _CPU_PERIOD_US),
        device_requests=devices,
        # What a session prints must not fill the disk that everybody's charges are on.
        log_config=LogConfig(type="json-file", config={"max-size": "10m", "max-file": "2"}),
        mem_limit=spec.memory_bytes,
        memswap_limit=spec.memory_bytes,
        mounts=mounts,
        network_mode=spec.network,
        pids_limit=spec.pids,
        read_only=True,
        security_opt=["no-new-privileges:true"],
        tmpfs=dict(spec.tmpfs),
    )
    return {
        "image": spec.image,
        "name": spec.name,
        "user": spec.user,
        "environment": {**environment, **spec.environment},
        "labels": dict(spec.labels),
        "ports": [PORT],
        "host_config": host_config,
    }
