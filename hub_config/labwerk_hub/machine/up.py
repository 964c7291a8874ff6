"""`up`: every step from a checkout with its environment to a Labwerk that answers.

Each step looks first and does only what is missing, so `up` can be interrupted at any
point, and run again at any time.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import docker

from labwerk_hub.errors import LabwerkError
from labwerk_hub.machine import (
    accounts,
    checks,
    engine,
    filesystems,
    firewall,
    network,
    node,
    prepared,
    volume,
)
from labwerk_hub.machine.announce import IMAGE_PACKAGES
from labwerk_hub.machine.engine import EngineFacts
from labwerk_hub.machine.environment import remove_old_environments
from labwerk_hub.machine.errors import MachineError
from labwerk_hub.machine.files import read_stamp, write_whole
from labwerk_hub.machine.images.building import Workshop, ensure_images
from labwerk_hub.machine.images.bundle import load_bundle
from labwerk_hub.machine.images.engine_build import PATIENCE_S, has_image
from labwerk_hub.machine.images.recipe import recipe
from labwerk_hub.machine.images.room import require_room_for
from labwerk_hub.machine.packages import can_install, install_packages
from labwerk_hub.machine.places import Places
from labwerk_hub.machine.programs import programs
from labwerk_hub.machine.progress import Progress
from labwerk_hub.machine.proxy_pages import install_proxy_pages
from labwerk_hub.machine.readiness import wait_until_ready
from labwerk_hub.machine.record import Origin
from labwerk_hub.machine.run_as import run_as_user
from labwerk_hub.machine.supervisor import Supervisor
from labwerk_hub.settings import Settings, load_settings


def bring_up(origin: Origin, progress: Progress, bundle: Path | None = None) -> Settings:
    """Set up whatever is missing and start what does not run; the settings in use.

    The images of ``bundle`` are loaded before those that are missing still are built.

    Raises a LabwerkError with one sentence for the first step that cannot be done; what
    was done before it stays and is not done again.
    """
    log = progress.log
    with progress.step("Check settings and machine"):
        settings = load_settings(origin.settings)
        places = Places(settings.machine.state)
        refuse(list(checks.machine_problems(settings, places)))
    with progress.step(f"System user {settings.machine.user} and folders"):
        accounts.ensure_user(settings.machine.user, places, log)
        accounts.ensure_folders(settings.machine.user, places)
        accounts.ensure_files_of_user(settings.machine.user, places)
        ensure_disk(settings, places, progress)
    with progress.step("Docker engine"):
        facts = engine.ensure_engine(places, log, os.environ)
        _let_user_reach(settings, facts, progress)
        client = engine.connect(facts.host)
        origin.write(places.origin)
    with progress.step(f"Network bridge {settings.network.bridge} and its firewall rules"):
        ensure_network(settings, places, client, progress)
    with progress.step(
        "Node, proxy and demo provider" if settings.sign_in.is_demo else "Node, proxy"
    ):
        found = node.ensure_node(places, log)
        node.ensure_proxy(places, found, log)
        if settings.sign_in.is_demo:
            node.ensure_provider(places, found, log, origin.checkout)
    with progress.step("Images"):
        patient = engine.connect(facts.host, timeout_s=PATIENCE_S)
        workshop = Workshop.of(origin.checkout, patient, places, log, progress.note)
        _ensure_images(settings, workshop, bundle)
    with progress.step("Settings, secrets and databases"):
        settings = install(origin, settings, places)
        _migrate(settings, places, progress)
    with progress.step("Start the programs"):
        Supervisor(places).apply(programs(settings, places), log)
    with progress.step("Wait until everything answers"):
        _wait(settings, places, progress)
    remove_old_environments(places)
    return settings


def refuse(problems: list[LabwerkError]) -> None:
    """Raise what was found wrong: one problem as it is, several as sentences in one error."""
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise MachineError("\n".join(problem.message for problem in problems))


def ensure_disk(settings: Settings, places: Places, progress: Progress) -> None:
    """What homes and projects are kept on; the helper applies quotas when it starts."""
    backing = settings.storage.backing
    if filesystems.needs_btrfs_tools(backing, places.state) and can_install():
        install_packages(places, progress.log, "btrfs-progs")
    volume.ensure_volume(settings.storage, places)


def _let_user_reach(settings: Settings, facts: EngineFacts, progress: Progress) -> None:
    """Put the system user into the group that the engine's socket belongs to."""
    socket = engine.socket_of(facts.host)
    gid = socket.stat().st_gid
    if gid == 0 and not socket.stat().st_mode & 0o002:
        raise MachineError(
            f"{socket} belongs to the group root, so Labwerk's user cannot reach the engine; "
            "give it to the group docker (dockerd --group docker)."
        )
    if gid != 0:
        accounts.ensure_in_group(settings.machine.user, gid, progress.log)
    if not facts.live_restore:
        progress.note(
            "The engine runs without live-restore: sessions end when Docker is restarted. "
            'Put {"live-restore": true} into /etc/docker/daemon.json to change that.'
        )


def ensure_network(
    settings: Settings, places: Places, client: docker.DockerClient, progress: Progress
) -> None:
    """The sessions' bridge and the rules that keep it apart."""
    if shutil.which("iptables") is None and can_install():
        install_packages(places, progress.log, "iptables")
    network.ensure_network(client, settings.network, places.instance)
    firewall.ensure_firewall(settings.network, progress.log)


def _ensure_images(settings: Settings, workshop: Workshop, bundle: Path | None) -> None:
    names, variant = settings.images.build, settings.image_variant
    if bundle is not None:
        load_bundle(workshop.engine, bundle)
    wanted = [recipe(name, workshop.checkout, variant) for name in names]
    if not all(has_image(workshop.engine, made.tag) for made in wanted):
        require_room_for(wanted, workshop)
        if shutil.which("mmdebstrap") is None and can_install():
            install_packages(workshop.places, workshop.log, *IMAGE_PACKAGES)
    ensure_images(workshop, names, variant)


def install(origin: Origin, settings: Settings, places: Places) -> Settings:
    """What the programs read: settings' copy, secrets, hub config, notebooks, proxy's pages."""
    prepared.ensure_secrets(places)
    installed = prepared.install_settings(settings, places)
    prepared.install_provider_config(installed)
    prepared.install_hub_config(origin.checkout, places)
    prepared.install_notebooks(origin.checkout, places)
    install_proxy_pages(installed.machine.language, places)
    return installed


def _migrate(settings: Settings, places: Places, progress: Progress) -> None:
    """Migrate once per build; only here, so that no program meets tables in between."""
    stamp = f"{places.env.resolve().name} {read_stamp(places.env / '.package')}"
    done = places.run / "migrated"
    # A server's may be another one by now, or have been restored: it is asked each time.
    if settings.database.url or read_stamp(done) != stamp or not places.database.exists():
        run_as_user(settings, places, progress.log, "migrate")
        write_whole(done, stamp + "\n")


def _wait(settings: Settings, places: Places, progress: Progress) -> None:
    """Wait; if it comes to nothing, leave nothing half running."""
    try:
        wait_until_ready(settings, places)
    except BaseException:
        Supervisor(places).stop(progress.log)
        raise


def demo_people(settings: Settings) -> str:
    """Who can sign in at the demo provider, and what to try with each."""
    language = settings.machine.language
    lines = []
    for person in settings.demo.people:
        name = str(person.claims.get(settings.sign_in.claims.display_name, person.login))
        lines.append(f"  {person.login:12} {name:16} {person.try_.in_language(language)}")
    return "\n".join(lines)


def origin_of(checkout: Path, settings: Path, environ: Mapping[str, str]) -> Origin:
    """The origin that a new `up` has."""
    return Origin(checkout, settings.resolve(), environ.get("DOCKER_HOST", ""))
