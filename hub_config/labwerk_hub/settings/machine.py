"""[machine], [network], [sessions], [images] and [waiting]: what holds for the whole site."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, StringConstraints

from labwerk_hub.settings.kinds import Language, Model, Network, Port, Subnet, TimeZone


class MachineSettings(Model):
    """Where Labwerk lives on its machine."""

    state: Annotated[Path, AfterValidator(lambda p: p)] = Path("/var/lib/labwerk")
    user: Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_-]{0,30}$")] = "labwerk"
    first_uid: Annotated[int, Field(ge=10000, le=2_000_000_000)] = 200000
    timezone: TimeZone = "Europe/Berlin"
    language: Language = "en"

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which budget periods begin and end."""
        return ZoneInfo(self.timezone)


class NetworkSettings(Model):
    """Addresses, ports and what sessions may reach."""

    address: str = "127.0.0.1"
    public_port: Port = 8000
    proxy_api_port: Port = 8001
    hub_port: Port = 8081
    service_port: Port = 8082
    provider_port: Port = 9400
    tls_certificate: str = ""
    tls_key: str = ""
    bridge: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,14}$")] = "labwerk"
    subnet: Subnet = "10.213.0.0/20"
    egress: Literal["none", "list", "open"] = "open"
    egress_allow: tuple[Network, ...] = ()

    @property
    def gateway(self) -> str:
        """The bridge's own address, where sessions find the hub and the service."""
        return str(ipaddress.IPv4Network(self.subnet)[1])

    @property
    def public_url(self) -> str:
        """What people open: scheme, host and port without a trailing slash."""
        scheme, standard = ("https", 443) if self.tls_certificate else ("http", 80)
        port = "" if self.public_port == standard else f":{self.public_port}"
        return f"{scheme}://{self.address}{port}"

    @property
    def service_url(self) -> str:
        """The hub service as sessions reach it."""
        return f"http://{self.gateway}:{self.service_port}/services/labwerk"


class SessionSettings(Model):
    """Limits and periods that hold for every session."""

    start_timeout: Annotated[int, Field(ge=10, le=3600)] = 120
    metering_period: Annotated[int, Field(ge=1, le=3600)] = 30
    intent_timeout: Annotated[int, Field(ge=10, le=3600)] = 180
    pids_limit: Annotated[int, Field(ge=64, le=100_000)] = 1024
    tmp_mib: Annotated[int, Field(ge=64, le=1_048_576)] = 1024
    activity_period: Annotated[int, Field(ge=1, le=240)] = 60
    idle_warning_minutes: Annotated[int, Field(ge=1, le=600)] = 10


class ImageSettings(Model):
    """Which images ``up`` builds, and in which variant all are built."""

    build: Annotated[tuple[str, ...], Field(min_length=1)] = ("base",)
    variant: Literal["auto", "cpu", "gpu"] = "auto"


class WaitingSettings(Model):
    """How people wait for what is not free."""

    enabled: bool = True
    hold_minutes: Annotated[int, Field(ge=1, le=120)] = 5
    patience_hours: Annotated[int, Field(ge=1, le=24 * 31)] = 4
    memory_days: Annotated[int, Field(ge=1, le=365)] = 7
