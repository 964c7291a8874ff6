"""labwerk.toml as frozen models; unknown keys are refused, all problems at once."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from labwerk_hub.errors import SettingsError
from labwerk_hub.settings.budgets import BudgetPolicy, TermSettings
from labwerk_hub.settings.database import DatabaseSettings
from labwerk_hub.settings.datasets import DatasetSettings
from labwerk_hub.settings.kinds import Language, Model
from labwerk_hub.settings.machine import (
    ImageSettings,
    MachineSettings,
    NetworkSettings,
    SessionSettings,
    WaitingSettings,
)
from labwerk_hub.settings.mail import MailSettings
from labwerk_hub.settings.people import (
    CourseSettings,
    DemoPersonSettings,
    DemoSettings,
    InstitutionSettings,
    ProjectSettings,
    SignInSettings,
)
from labwerk_hub.settings.pool import (
    FlavourSettings,
    GpuSettings,
    PoolSettings,
    SessionRuleSettings,
)
from labwerk_hub.settings.retention import RetentionSettings
from labwerk_hub.settings.statements import StatementSettings
from labwerk_hub.settings.storage import StorageSettings
from labwerk_hub.settings_checks import problems_across, sentence

__all__ = [
    "CourseSettings",
    "DatabaseSettings",
    "DatasetSettings",
    "DemoPersonSettings",
    "GpuSettings",
    "Language",
    "NetworkSettings",
    "PoolSettings",
    "Settings",
    "StorageSettings",
    "load_settings",
]


class Settings(Model):
    """The whole of labwerk.toml.

    ``path`` is the file it was read from; relative file names in it are relative to
    that file's folder.
    """

    path: Path
    machine: MachineSettings = MachineSettings()
    database: DatabaseSettings = DatabaseSettings()
    network: NetworkSettings = NetworkSettings()
    sessions: SessionSettings = SessionSettings()
    images: ImageSettings = ImageSettings()
    storage: StorageSettings = StorageSettings()
    sign_in: SignInSettings
    institutions: Annotated[tuple[InstitutionSettings, ...], Field(min_length=1)]
    terms: tuple[TermSettings, ...] = ()
    budgets: BudgetPolicy = BudgetPolicy()
    projects: tuple[ProjectSettings, ...] = ()
    courses: tuple[CourseSettings, ...] = ()
    pool: PoolSettings = PoolSettings()
    gpus: tuple[GpuSettings, ...] = ()
    flavours: Annotated[tuple[FlavourSettings, ...], Field(min_length=1)]
    session_rules: tuple[SessionRuleSettings, ...] = ()
    waiting: WaitingSettings = WaitingSettings()
    mail: MailSettings = MailSettings()
    retention: RetentionSettings = RetentionSettings()
    statements: StatementSettings = StatementSettings()
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
