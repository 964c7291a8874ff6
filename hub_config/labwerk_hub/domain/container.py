"""The container of a session as one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from labwerk_hub.domain.catalogue import Flavour
from labwerk_hub.domain.entitlement import Entitlement
from labwerk_hub.domain.gpu import Gpu, Inventory, Slice

LABEL_SESSION = "labwerk.session"
LABEL_PERSON = "labwerk.person"
LABEL_INSTITUTION = "labwerk.institution"
LABEL_SLICE = "labwerk.slice"
LABEL_INSTANCE = "labwerk.instance"

HOME = "/home/lab"
#: Beside the home, where nothing that a person puts there can be in the way.
SNAPSHOTS = "/snapshots"
PORT = 8888
#: Where Debian, in the image as on the machine, keeps all CA certificates in one file.
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
_MPS_FOLDER = "/run/nvidia-mps"
_LOCALES = {"en": "en_US.UTF-8", "de": "de_DE.UTF-8", "it": "it_IT.UTF-8", "fr": "fr_FR.UTF-8"}


@dataclass(frozen=True)
class Mount:
    """A folder of this machine as a session sees it."""

    source: str
    target: str
    read_only: bool = False
    propagation: str | None = None


@dataclass(frozen=True)
class DeviceRequest:
    """A device asked of the engine, by the driver ``nvidia`` or ``cdi``."""

    driver: str
    device_ids: tuple[str, ...]


@dataclass(frozen=True)
class Limits:
    """What holds for every session: processes, temporary space, network."""

    pids: int
    tmp_bytes: int
    network: str
    #: The machine's CA certificates, so that package clients in sessions trust the same
    #: mirrors and proxies as the machine does; None where it has no such file.
    ca_bundle: str | None = None
    #: Seconds between two reports of a session's server on what runs in it.
    activity_seconds: int = 60


@dataclass(frozen=True)
class ContainerSpec:
    """Everything the engine is asked for; sizes in bytes, ``cpus`` in cores."""

    name: str
    image: str
    user: str
    environment: Mapping[str, str]
    labels: Mapping[str, str]
    mounts: tuple[Mount, ...]
    cpus: float
    memory_bytes: int
    pids: int
    network: str
    tmpfs: Mapping[str, str] = field(default_factory=dict)
    device: DeviceRequest | None = None


@dataclass(frozen=True)
class Folders:
    """The host folders of a session: home, projects by name, the parent of /data.

    ``snapshots`` is the parent of the home's snapshots; None where there are never any.
    """

    home: str
    projects: Mapping[str, str]
    data: str
    snapshots: str | None = None


def container_spec(
    *,
    session: str,
    instance: str,
    image_tag: str,
    flavour: Flavour,
    slice_: Slice | None,
    device: str | None,
    inventory: Inventory,
    entitlement: Entitlement,
    folders: Folders,
    limits: Limits,
    service_url: str,
    language: str,
    timezone: str,
) -> ContainerSpec:
    """The one place that decides what a session's container is and holds.

    ``device`` is the engine's name of the slice's device; None where there is none.
    """
    person = entitlement.person
    gpu = inventory.gpu(slice_.gpu) if slice_ else None
    asked = DeviceRequest(gpu.driver, (device,)) if gpu and device else None
    mounts = [Mount(folders.home, HOME), Mount(folders.data, "/data", True, "rslave")]
    mounts += [Mount(path, f"/projects/{name}") for name, path in sorted(folders.projects.items())]
    if folders.snapshots:
        mounts.append(Mount(folders.snapshots, SNAPSHOTS, read_only=True))
    if limits.ca_bundle:
        mounts.append(Mount(limits.ca_bundle, CA_BUNDLE, read_only=True))
    locale = _LOCALES.get(language, _LOCALES["en"])
    label = slice_.label if slice_ else ""
    # Where NVIDIA's runtime is the engine's default, no word of devices would mean all.
    no_device = {} if asked else {"NVIDIA_VISIBLE_DEVICES": "void"}
    sharing = _mps(gpu, slice_) if gpu and slice_ and asked else {}
    if sharing and gpu:
        mounts.append(Mount(gpu.mps, _MPS_FOLDER, read_only=True))
    return ContainerSpec(
        name=session,
        image=image_tag,
        user=f"{person.uid}:{person.uid}",
        environment={
            **no_device,
            **sharing,
            "HOME": HOME,
            "USER": person.name,
            "LANG": locale,
            "LC_ALL": locale,
            "TZ": timezone,
            "LABWERK_SESSION": session,
            "LABWERK_SLICE": label,
            "LABWERK_SIMULATED": "1" if gpu and gpu.simulated else "",
            "LABWERK_LANGUAGE": language,
            "LABWERK_SERVICE_URL": service_url,
            "LABWERK_ACTIVITY_SECONDS": str(limits.activity_seconds),
        },
        labels={
            LABEL_SESSION: session,
            LABEL_PERSON: person.name,
            LABEL_INSTITUTION: person.institution,
            LABEL_SLICE: label,
            LABEL_INSTANCE: instance,
        },
        mounts=tuple(mounts),
        cpus=flavour.cpus,
        memory_bytes=flavour.memory_gib * 2**30,
        pids=limits.pids,
        network=limits.network,
        tmpfs={
            "/tmp": f"rw,nosuid,nodev,size={limits.tmp_bytes},mode=1777",
            "/run": "rw,nosuid,nodev,noexec,size=16m,mode=1777",
        },
        device=asked,
    )


def _mps(gpu: Gpu, slice_: Slice) -> dict[str, str]:
    """How a sharer of a GPU finds the MPS daemon, and keeps to its part of the memory.

    Source of the names: NVIDIA's documentation of the Multi-Process Service.
    """
    if not gpu.mps:
        return {}
    memory = gpu.model.profile(slice_.profile).memory_mib
    limit = {"CUDA_MPS_PINNED_DEVICE_MEM_LIMIT": f"0={memory}M"} if memory else {}
    return {"CUDA_MPS_PIPE_DIRECTORY": _MPS_FOLDER, **limit}
