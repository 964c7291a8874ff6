"""The layer with Debian and the locked wheels, below what changes often.

It is an image of its own, so that a change to the Lab extension or to a setting of the
server does not install a hundred packages anew, and images that are laid on the same one
share its room. It is made by a container that installs what is mounted into it, and then
becomes the layer: wheels of several gigabytes are never copied into the engine.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import docker
from docker.errors import DockerException
from docker.models.containers import Container
from requests.exceptions import RequestException

from labwerk_hub.machine.errors import InstallError
from labwerk_hub.machine.files import write_whole
from labwerk_hub.machine.images.catalogue import images_folder
from labwerk_hub.machine.images.debs import ensure_debs
from labwerk_hub.machine.images.engine_build import EPOCH, has_image, making_name
from labwerk_hub.machine.images.recipe import LAYER_CHANGES, Recipe
from labwerk_hub.machine.images.rootfs import ensure_rootfs
from labwerk_hub.machine.images.wheelhouse import Wheelhouse, ensure_wheels
from labwerk_hub.machine.log import Log, telling_line


def ensure_environment_layer(
    recipe: Recipe,
    engine: docker.DockerClient,
    house: Wheelhouse,
    log: Log,
    note: Callable[[str], None],
) -> str:
    """The layer's tag; it is made, with all below it, if it is not there.

    Raises :class:`InstallError` if its packages cannot be had or not be installed.
    """
    tag = recipe.environment_tag
    if has_image(engine, tag):
        return tag
    if recipe.base is not None:
        below = ensure_environment_layer(recipe.base, engine, house, log, note)
    else:
        below = ensure_rootfs(recipe.rootfs, engine, house, log, note)
    with tempfile.TemporaryDirectory(prefix="labwerk-layer-") as folder:
        recipe_folder, debs = Path(folder) / "recipe", Path(folder) / "debs"
        recipe_folder.mkdir()
        debs.mkdir()
        wheels = Path(folder) / "wheels"
        wheels.mkdir()
        if recipe.wheels:
            wheels = ensure_wheels(recipe.wheels, house, log, note)
        if recipe.packages:
            debs = ensure_debs(recipe.packages, below, engine, house, log, note)
        pins = "\n".join(pin.text for pin in recipe.wheels)
        write_whole(recipe_folder / "requirements.lock", pins + "\n" if pins else "")
        script = images_folder(recipe.checkout) / "environment.sh"
        write_whole(recipe_folder / script.name, script.read_text(encoding="utf-8"))
        note(f"install {len(recipe.wheels)} Python packages for {recipe.entry.name}")
        _install(engine, below, tag, {wheels: "/mnt", debs: "/srv", recipe_folder: "/media"}, log)
    return tag


def _install(
    engine: docker.DockerClient, below: str, tag: str, mounts: dict[Path, str], log: Log
) -> None:
    log.say(f"building {tag} on {below}")
    container: Container | None = None
    try:
        container = engine.containers.create(
            below,
            name=making_name(),
            entrypoint=["sh", "/media/environment.sh"],
            command=[str(EPOCH)],
            volumes={str(path): {"bind": place, "mode": "ro"} for path, place in mounts.items()},
            network_mode="none",
        )
        container.start()
        lines: list[str] = []
        for chunk in container.logs(stream=True, follow=True):
            said = chunk.decode(errors="replace").rstrip()
            lines += said.splitlines()
            log.say(said)
        status = int(container.wait()["StatusCode"])
        if status != 0:
            raise InstallError(
                f"The packages of the image layer {tag} could not be installed "
                f"({telling_line(lines)}); all output is in {log.path}."
            )
        repository, _, name = tag.partition(":")
        container.commit(
            repository,
            name,
            changes=list(LAYER_CHANGES),
        )
    except (DockerException, RequestException) as error:
        raise InstallError(
            f"The engine could not make the image layer {tag} ({error}); is there room where "
            f"Docker keeps images? All output is in {log.path}."
        ) from None
    finally:
        if container is not None:
            container.remove(force=True)
