"""The only place that chooses adapters: settings in, a workbench out."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import make_url

from labwerk_hub.adapters.budgets import budgets_of
from labwerk_hub.adapters.built_images import ImagesHere
from labwerk_hub.adapters.declared import DeclaredGpus, declared_gpu
from labwerk_hub.adapters.docker import DockerEngine
from labwerk_hub.adapters.driver import HelperGpus, PoolOfBoth
from labwerk_hub.adapters.smtp import SmtpServer
from labwerk_hub.adapters.sql import SqlDatabase
from labwerk_hub.adapters.storage import HelperStorage
from labwerk_hub.domain.catalogue import (
    Catalogue,
    Course,
    DataFile,
    Dataset,
    Flavour,
    Project,
)
from labwerk_hub.domain.container import CA_BUNDLE, Limits
from labwerk_hub.domain.events import Retention
from labwerk_hub.domain.gpu import Gpu
from labwerk_hub.domain.people import Institution
from labwerk_hub.domain.quotas import Quotas, SnapshotRule
from labwerk_hub.domain.terms import SessionRule
from labwerk_hub.errors import DatabaseError
from labwerk_hub.services.ports import Gpus
from labwerk_hub.services.workbench import (
    MailPolicy,
    Policy,
    StatementPolicy,
    WaitingPolicy,
    Workbench,
)
from labwerk_hub.settings import (
    CourseSettings,
    DatasetSettings,
    GpuSettings,
    Settings,
    load_settings,
)
from labwerk_hub.settings.storage import bytes_of

SETTINGS_VARIABLE = "LABWERK_SETTINGS"


def settings_from_environment() -> Settings:
    """The settings of a process that ``up`` started."""
    return load_settings(Path(os.environ[SETTINGS_VARIABLE]))


def database_url(settings: Settings) -> str:
    """Labwerk's own database, with its password. Raises DatabaseError if that cannot be read."""
    if not settings.database.url:
        return f"sqlite:///{settings.machine.state / 'labwerk.sqlite'}"
    url = make_url(settings.database.url)
    if settings.database.password_file:
        file = settings.resolve(settings.database.password_file)
        try:
            url = url.set(password=file.read_text(encoding="utf-8").strip())
        except OSError as error:
            raise DatabaseError(
                f"{settings.path}: database.password_file “{file}” cannot be read "
                f"({error.strerror}); run `up` again."
            ) from None
    return url.render_as_string(hide_password=False)


def has_database(settings: Settings) -> bool:
    """Whether there is a database to ask: a server's, or the file that `up` makes."""
    return bool(settings.database.url) or (settings.machine.state / "labwerk.sqlite").exists()


def instance(settings: Settings) -> str:
    """What tells this installation's containers from another's on the same engine."""
    return hashlib.sha256(str(settings.machine.state).encode()).hexdigest()[:12]


def workbench(settings: Settings) -> Workbench:
    """Everything services work with. Opens no connection yet."""
    return Workbench(
        catalogue=catalogue(settings),
        policy=Policy(
            zone=settings.machine.zone,
            intent_timeout_seconds=settings.sessions.intent_timeout,
            instance=instance(settings),
            service_url=settings.network.service_url,
            limits=Limits(
                pids=settings.sessions.pids_limit,
                tmp_bytes=settings.sessions.tmp_mib * 2**20,
                network=settings.network.bridge,
                ca_bundle=CA_BUNDLE if Path(CA_BUNDLE).is_file() else None,
                activity_seconds=settings.sessions.activity_period,
            ),
            language=settings.machine.language,
            rules=tuple(SessionRule(**dict(rule)) for rule in settings.session_rules),
            idle_warning_seconds=settings.sessions.idle_warning_minutes * 60,
            budget_grace_seconds=settings.budgets.grace_minutes * 60,
            waiting=WaitingPolicy(
                enabled=settings.waiting.enabled,
                hold_seconds=settings.waiting.hold_minutes * 60,
                patience_seconds=settings.waiting.patience_hours * 3600,
                memory_days=settings.waiting.memory_days,
            ),
            mail=MailPolicy(
                enabled=bool(settings.mail.server),
                public_url=settings.network.public_url,
                give_up_seconds=settings.mail.give_up_hours * 3600,
            ),
            quotas=quotas(settings),
            retention=Retention(**dict(settings.retention)),
            statements=StatementPolicy(**dict(settings.statements)),
        ),
        database=SqlDatabase(database_url(settings), settings.machine.first_uid),
        engine=DockerEngine(instance(settings)),
        inventory=gpus(settings),
        storage=HelperStorage(settings.machine.state, language=settings.machine.language),
        clock=lambda: datetime.now(UTC),
    )


def quotas(settings: Settings) -> Quotas:
    """What folders may hold, and which snapshots of homes are kept."""
    storage = settings.storage
    return Quotas(
        home_bytes=bytes_of(storage.home_gib),
        project_bytes=bytes_of(storage.project_gib),
        of_projects={
            p.name: bytes_of(p.disk_gib) for p in settings.projects if p.disk_gib is not None
        },
        warn_percent=storage.warn_percent,
        snapshots=SnapshotRule(storage.snapshots_per_day, storage.snapshots_kept_days),
    )


def mail_server(settings: Settings) -> SmtpServer | None:
    """The site's mail server; None if the settings name none."""
    mail = settings.mail
    if not mail.server:
        return None
    return SmtpServer(
        server=mail.server,
        port=mail.port,
        security=mail.security,
        user=mail.user,
        password_file=settings.resolve(mail.password_file) if mail.password_file else None,
        sender=mail.sender,
        reply_to=mail.reply_to,
        host=urlsplit(settings.network.public_url).hostname or settings.network.address,
    )


def gpus(settings: Settings) -> Gpus:
    """The declared GPUs, and those of the driver where the settings say so."""
    declared = declared_gpus(settings)
    if settings.pool.source == "declared":
        return declared
    return PoolOfBoth(declared, HelperGpus(settings.machine.state))


def declared_gpus(settings: Settings) -> DeclaredGpus:
    """The GPUs of [[gpus]]."""
    return DeclaredGpus([_gpu(gpu) for gpu in settings.gpus])


def catalogue(settings: Settings) -> Catalogue:
    """What the settings offer, as the domain's own types."""
    return Catalogue(
        institutions=tuple(
            Institution(name=i.name, title=i.title, domains=i.domains)
            for i in settings.institutions
        ),
        budgets=budgets_of(settings),
        projects=tuple(Project(p.name, p.title, p.group) for p in settings.projects),
        courses=tuple(_course(c) for c in settings.courses),
        flavours=tuple(
            Flavour(
                name=f.name,
                title=f.title,
                cpus=f.cpus,
                memory_gib=f.memory_gib,
                longest_hours=f.longest_hours,
                slices=f.slices,
                ticks=f.ticks,
                default_hours=f.default_hours,
                idle_minutes=f.idle_minutes,
            )
            for f in settings.flavours
        ),
        images=ImagesHere(settings.machine.state),
        datasets=tuple(_dataset(settings, dataset) for dataset in settings.datasets),
    )


def _course(course: CourseSettings) -> Course:
    return Course(
        name=course.name,
        title=course.title,
        institution=course.institution,
        instructors=course.instructors,
        roster=course.roster,
        first_day=course.first_day,
        last_day=course.last_day,
    )


def _gpu(gpu: GpuSettings) -> Gpu:
    return declared_gpu(
        gpu.name,
        gpu.model,
        gpu.layout,
        simulated=gpu.simulated,
        dynamic=gpu.dynamic,
        shares=gpu.shares,
        weight=gpu.weight,
        driver=gpu.driver,
        devices=gpu.devices,
        mps=gpu.mps,
    )


def _dataset(settings: Settings, dataset: DatasetSettings) -> Dataset:
    paths = [settings.resolve(file) for file in dataset.files]
    return Dataset(
        institution=dataset.institution,
        name=dataset.name,
        version=dataset.version,
        title=dataset.title,
        description=dataset.description,
        nature=dataset.nature,
        publisher=dataset.publisher,
        origin=dataset.origin,
        licence=dataset.licence,
        licence_title=dataset.licence_title,
        steward=dataset.steward,
        files=tuple(DataFile(path.name, str(path), path.stat().st_size) for path in paths),
        shared_with=dataset.shared_with,
    )
