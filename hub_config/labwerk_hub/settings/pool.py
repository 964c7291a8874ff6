"""[pool], GPUs, flavours and the hours of groups."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from labwerk_hub.settings.kinds import Absolute, Model, Name, Shares, Title, Weight


class PoolSettings(Model):
    """Where GPUs come from, and how those that the driver finds are handed out."""

    source: Literal["declared", "nvml"] = "declared"
    #: The file of libnvidia-ml.so.1; empty: where the loader finds it.
    nvml_library: Absolute = ""
    mig: Literal["fixed", "dynamic"] = "fixed"
    shares: Shares = 1
    #: The folder of a running MPS control daemon's pipes.
    mps: Absolute = ""
    #: GPU model → what multiplies its cost. Keys are models of the geometry table.
    weights: dict[str, Weight] = Field(default_factory=dict)


class GpuSettings(Model):
    """A declared GPU: cut into fixed slices, cut at start (``dynamic``), or shared in time."""

    name: Name
    model: str
    simulated: bool = False
    #: The driver's names of the slices (``GPU-…`` or ``MIG-…``), in the layout's order;
    #: of a shared GPU the one that all share. Needed for real GPUs only.
    devices: tuple[str, ...] = ()
    driver: Literal["nvidia", "cdi"] = "nvidia"
    #: ``profile@start`` for each slice.
    layout: tuple[str, ...] = ()
    dynamic: bool = False
    shares: Shares = 1
    mps: Absolute = ""
    weight: Weight = 1


class FlavourSettings(Model):
    """What people choose: a kind of slice, or none, with CPU and memory."""

    name: Name
    title: Title
    #: GPU model → profile. Keys are models of the geometry table.
    slices: dict[str, str] = Field(default_factory=dict)
    cpus: Annotated[float, Field(gt=0, le=1024)]
    memory_gib: Annotated[int, Field(ge=1, le=65536)]
    ticks: Annotated[int, Field(ge=0, le=10**6)] = 0
    #: A session first ends after ``default_hours`` (0: the longest) and may be extended.
    default_hours: Annotated[int, Field(ge=0, le=24 * 31)] = 0
    longest_hours: Annotated[int, Field(ge=1, le=24 * 31)]
    #: A session in which nothing ran for so long is stopped; 0 is never.
    idle_minutes: Annotated[int, Field(ge=0, le=60 * 24 * 31)] = 0


class SessionRuleSettings(Model):
    """Other hours than a flavour's own, for a group; what is left out stays the flavour's."""

    #: One of the provider's groups, or ``institution:<name>``.
    group: Annotated[str, StringConstraints(min_length=1)]
    flavour: str = ""
    default_hours: Annotated[int, Field(ge=1, le=24 * 31)] | None = None
    longest_hours: Annotated[int, Field(ge=1, le=24 * 31)] | None = None
    idle_minutes: Annotated[int, Field(ge=0, le=60 * 24 * 31)] | None = None
