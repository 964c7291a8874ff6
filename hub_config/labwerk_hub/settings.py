"""labwerk.toml as frozen models; unknown keys are refused, all problems at once."""

from __future__ import annotations

import ipaddress
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from labwerk_hub.adapters.declared import MOST_SHARES
from labwerk_hub.domain.claims import ClaimMapping
from labwerk_hub.domain.people import Role
from labwerk_hub.domain.texts import Localized
from labwerk_hub.errors import SettingsError
from labwerk_hub.settings_checks import problems_across, sentence

_SMALLEST_SUBNET = 28
Language = Literal["en", "de", "it", "fr"]
#: Short and final: part of user names, paths and groups; never a double hyphen.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=32)]
Port = Annotated[int, Field(ge=1, le=65535)]
Hours = Annotated[int, Field(ge=0)]
#: Sessions that share a GPU in time; 1: nobody shares it.
Shares = Annotated[int, Field(ge=1, le=MOST_SHARES)]
Weight = Annotated[int, Field(ge=1, le=1000)]
Version = Annotated[str, StringConstraints(pattern=r"^[0-9a-z]+([.-][0-9a-z]+)*$", max_length=32)]


def _localized(value: object) -> object:
    return Localized.same(value) if isinstance(value, str) else value


def _timezone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError("must be an IANA time zone such as Europe/Berlin")
    return value


def _network(value: str) -> str:
    ipaddress.IPv4Network(value)
    return value


def _subnet(value: str) -> str:
    if ipaddress.IPv4Network(value).prefixlen > _SMALLEST_SUBNET:
        raise ValueError(f"must have room for sessions: /{_SMALLEST_SUBNET} or larger")
    return value


def _absolute(value: str) -> str:
    if value and not value.startswith("/"):
        raise ValueError("must be a full path that begins with /")
    return value


Title = Annotated[Localized, BeforeValidator(_localized)]
Network = Annotated[str, AfterValidator(_network)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class MachineSettings(_Model):
    """Where Labwerk lives on its machine."""

    state: Annotated[Path, AfterValidator(lambda p: p)] = Path("/var/lib/labwerk")
    user: Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_-]{0,30}$")] = "labwerk"
    first_uid: Annotated[int, Field(ge=10000, le=2_000_000_000)] = 200000
    timezone: Annotated[str, AfterValidator(_timezone)] = "Europe/Berlin"
    language: Language = "en"

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which budget periods begin and end."""
        return ZoneInfo(self.timezone)


class NetworkSettings(_Model):
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
    subnet: Annotated[Network, AfterValidator(_subnet)] = "10.213.0.0/20"
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


class SessionSettings(_Model):
    """Limits and periods that hold for every session."""

    start_timeout: Annotated[int, Field(ge=10, le=3600)] = 120
    metering_period: Annotated[int, Field(ge=1, le=3600)] = 30
    intent_timeout: Annotated[int, Field(ge=10, le=3600)] = 180
    pids_limit: Annotated[int, Field(ge=64, le=100_000)] = 1024
    tmp_mib: Annotated[int, Field(ge=64, le=1_048_576)] = 1024
    activity_period: Annotated[int, Field(ge=1, le=240)] = 60
    idle_warning_minutes: Annotated[int, Field(ge=1, le=600)] = 10


class ImageSettings(_Model):
    """Which images ``up`` builds, and in which variant all are built."""

    build: Annotated[tuple[str, ...], Field(min_length=1)] = ("base",)
    variant: Literal["auto", "cpu", "gpu"] = "auto"


class WaitingSettings(_Model):
    """How people wait for what is not free."""

    enabled: bool = True
    hold_minutes: Annotated[int, Field(ge=1, le=120)] = 5
    patience_hours: Annotated[int, Field(ge=1, le=24 * 31)] = 4
    memory_days: Annotated[int, Field(ge=1, le=365)] = 7


class ClaimSettings(_Model):
    """Which claim of the provider says what; names with dots reach into nested claims."""

    display_name: str = "name"
    email: str = "email"
    locale: str = "locale"
    home_organisation: str = "schac_home_organization"
    scoped_affiliation: str = "eduperson_scoped_affiliation"
    email_domain: bool = True
    groups: str = "groups"
    roles: str = "roles"


class SignInSettings(_Model):
    """The OpenID Connect provider and how its claims are read."""

    issuer: str
    client_id: str = "labwerk"
    client_secret_file: str = ""
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    claims: ClaimSettings = ClaimSettings()
    #: The provider's role name → ours. Keys are the provider's, hence unknown.
    roles: dict[str, Role] = {}

    @property
    def is_demo(self) -> bool:
        """Whether people sign in at the demo provider that ``up`` runs."""
        return self.issuer == "demo"

    @property
    def claim_mapping(self) -> ClaimMapping:
        """How the provider's claims are read."""
        return ClaimMapping(**self.claims.model_dump(), role_names=self.roles)


class InstitutionSettings(_Model):
    """A university, institute or firm, with its budget for a calendar month."""

    name: Name
    title: Title
    domains: Annotated[tuple[str, ...], Field(min_length=1)]
    gpu_hours: Hours
    person_gpu_hours: Hours


class ProjectSettings(_Model):
    """People of one or several institutions with a shared folder."""

    name: Name
    title: Title
    group: str


class CourseSettings(_Model):
    """A course: instructors, roster and dates."""

    name: Name
    title: Title
    institution: Name
    instructors: str
    roster: str
    first_day: date
    last_day: date


class PoolSettings(_Model):
    """Where GPUs come from, and how those that the driver finds are handed out."""

    source: Literal["declared", "nvml"] = "declared"
    #: The file of libnvidia-ml.so.1; empty: where the loader finds it.
    nvml_library: Annotated[str, AfterValidator(_absolute)] = ""
    mig: Literal["fixed", "dynamic"] = "fixed"
    shares: Shares = 1
    #: The folder of a running MPS control daemon's pipes.
    mps: Annotated[str, AfterValidator(_absolute)] = ""
    #: GPU model → what multiplies its cost. Keys are models of the geometry table.
    weights: dict[str, Weight] = {}


class GpuSettings(_Model):
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
    mps: Annotated[str, AfterValidator(_absolute)] = ""
    weight: Weight = 1


class FlavourSettings(_Model):
    """What people choose: a kind of slice, or none, with CPU and memory."""

    name: Name
    title: Title
    #: GPU model → profile. Keys are models of the geometry table.
    slices: dict[str, str] = {}
    cpus: Annotated[float, Field(gt=0, le=1024)]
    memory_gib: Annotated[int, Field(ge=1, le=65536)]
    ticks: Annotated[int, Field(ge=0)] = 0
    #: A session first ends after ``default_hours`` (0: the longest) and may be extended.
    default_hours: Annotated[int, Field(ge=0, le=24 * 31)] = 0
    longest_hours: Annotated[int, Field(ge=1, le=24 * 31)]
    #: A session in which nothing ran for so long is stopped; 0 is never.
    idle_minutes: Annotated[int, Field(ge=0, le=60 * 24 * 31)] = 0


class SessionRuleSettings(_Model):
    """Other hours than a flavour's own, for a group; what is left out stays the flavour's."""

    #: One of the provider's groups, or ``institution:<name>``.
    group: Annotated[str, StringConstraints(min_length=1)]
    flavour: str = ""
    default_hours: Annotated[int, Field(ge=1, le=24 * 31)] | None = None
    longest_hours: Annotated[int, Field(ge=1, le=24 * 31)] | None = None
    idle_minutes: Annotated[int, Field(ge=0, le=60 * 24 * 31)] | None = None


class DatasetSettings(_Model):
    """One version of a dataset with its descriptor."""

    institution: Name
    name: Name
    version: Version
    title: Title
    description: Title
    nature: Literal["measured", "simulated", "synthetic", "profiles"]
    publisher: str
    origin: str
    licence: str
    licence_title: str
    steward: str
    files: Annotated[tuple[str, ...], Field(min_length=1)]
    shared_with: tuple[Name, ...]


class DemoPersonSettings(_Model):
    """Somebody who can sign in at the demo provider."""

    login: Name
    try_: Annotated[Title, Field(alias="try")]
    #: What the provider says of this person; keys are claims.
    claims: dict[str, Any]


class DemoSettings(_Model):
    """The demo provider's people."""

    people: tuple[DemoPersonSettings, ...] = ()


class Settings(_Model):
    """The whole of labwerk.toml.

    ``path`` is the file it was read from; relative file names in it are relative to
    that file's folder.
    """

    path: Path
    machine: MachineSettings = MachineSettings()
    network: NetworkSettings = NetworkSettings()
    sessions: SessionSettings = SessionSettings()
    images: ImageSettings = ImageSettings()
    sign_in: SignInSettings
    institutions: Annotated[tuple[InstitutionSettings, ...], Field(min_length=1)]
    projects: tuple[ProjectSettings, ...] = ()
    courses: tuple[CourseSettings, ...] = ()
    pool: PoolSettings = PoolSettings()
    gpus: tuple[GpuSettings, ...] = ()
    flavours: Annotated[tuple[FlavourSettings, ...], Field(min_length=1)]
    session_rules: tuple[SessionRuleSettings, ...] = ()
    waiting: WaitingSettings = WaitingSettings()
    datasets: tuple[DatasetSettings, ...] = ()
    demo: DemoSettings = DemoSettings()

    def resolve(self, file: str) -> Path:
        """A file named in the settings, as an absolute path."""
        return (self.path.parent / file).resolve()

    def institution(self, name: str) -> InstitutionSettings:
        """The institution called ``name``; KeyError if there is none."""
        for institution in self.institutions:
            if institution.name == name:
                return institution
        raise KeyError(name)

    @property
    def image_variant(self) -> Literal["cpu", "gpu"]:
        """The images' variant: with "auto" as the pool is; simulated GPUs compute nothing."""
        if self.images.variant != "auto":
            return self.images.variant
        real = self.pool.source == "nvml" or any(not gpu.simulated for gpu in self.gpus)
        return "gpu" if real else "cpu"

    @property
    def issuer(self) -> str:
        """The issuer's address, the demo provider's included."""
        if self.sign_in.is_demo:
            return f"http://127.0.0.1:{self.network.provider_port}"
        return self.sign_in.issuer

    @property
    def client_secret_path(self) -> Path:
        """The file whose one line is the client secret."""
        if self.sign_in.is_demo:
            return self.machine.state / "secrets" / "demo_client_secret"
        return self.resolve(self.sign_in.client_secret_file)


def load_settings(path: Path) -> Settings:
    """Read and check a settings file.

    Raises :class:`SettingsError` with one sentence for every problem found: each names
    the file, the key, the value and what would be right.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError([f"{path}: there is no such file; name one with --settings."]) from None
    except OSError as error:
        unreadable = f"{path}: cannot be read ({error.strerror}); check its permissions."
        raise SettingsError([unreadable]) from None
    except UnicodeDecodeError:
        raise SettingsError([f"{path}: is not UTF-8 text; save it as UTF-8."]) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"{path}: is not valid TOML: {error}."]) from None
    raw = {key: value for key, value in raw.items() if key != "path"} | (
        {"path": str(path.resolve())}
    )
    problems = list(_shape_problems(path, raw))
    problems += problems_across(path, raw)
    if problems:
        raise SettingsError(problems)
    return Settings.model_validate(raw)


def _shape_problems(path: Path, raw: Mapping[str, Any]) -> Iterator[str]:
    try:
        Settings.model_validate(raw)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            yield sentence(path, raw, detail["loc"], detail["type"], detail["msg"], detail["input"])
