"""What can be done with environments: create, add, remove; and what is wrong with one."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from packaging.utils import canonicalize_name

from labwerk.envs import kernel, layers, place, uv
from labwerk.envs.errors import EnvironmentRefusedError
from labwerk.envs.place import Environment
from labwerk.texts import say


def create(name: str, packages: Sequence[str], *, clean: bool) -> Environment:
    """Make an environment and its kernel; interrupted or refused, nothing is left of it.

    Args:
        name: what it and its kernel are called.
        packages: what it is to have itself: requirements, paths or addresses.
        clean: whether it stands by itself instead of on the image.

    Raises:
        EnvironmentRefusedError: the name is not allowed or taken.
        InstallError: packages could not be installed.
        HomeFullError: there is no room.
    """
    place.check_name(name)
    with place.one_at_a_time(_say_waiting):
        path = place.folder() / name
        if path.exists():
            raise EnvironmentRefusedError.exists(name)
        kernel.refuse_if_taken(name)
        with place.draft(name) as draft:
            uv.make_environment(draft, name)
            environment = Environment.at(draft)
            kernel.write(environment, path)
            if not clean:
                layers.stand_on_image(environment)
            _install(environment, ["ipykernel", "pip", *packages] if clean else packages)
        environment = Environment.at(path)
        try:
            kernel.show(environment)
        except BaseException:
            place.discard(environment)
            raise
    return environment


def add(name: str, packages: Sequence[str]) -> Environment:
    """Install packages into an environment, and see to it that Lab shows it.

    Without packages, it only makes one that has lost its kernel a kernel again.

    Raises:
        EnvironmentRefusedError: there is none of that name, it does not fit this image, or
            no packages are named and Lab shows it already.
        InstallError: packages could not be installed.
        HomeFullError: there is no room.
    """
    with place.one_at_a_time(_say_waiting):
        environment = place.find(name)
        if found := _unusable(environment):
            raise EnvironmentRefusedError.unfit(name, found)
        shown = kernel.is_shown(environment)
        if shown and not packages:
            raise EnvironmentRefusedError.nothing_to_add(name)
        _install(environment, packages)
        if not shown:
            kernel.refuse_if_taken(name)
            kernel.write(environment, environment.path)
            kernel.show(environment)
    return environment


def remove(name: str) -> None:
    """Remove an environment and its kernel.

    Raises:
        EnvironmentRefusedError: there is none of that name.
    """
    with place.one_at_a_time(_say_waiting):
        environment = place.find(name)
        kernel.hide(name)
        place.discard(environment)


def problem(environment: Environment) -> str | None:
    """Why an environment does not run in this image, with what to do; None if it does."""
    if found := _unusable(environment):
        return found
    if not kernel.is_shown(environment):
        return say(
            "Lab does not show it: `labwerk env add %(name)s` makes it a kernel again.",
            name=environment.name,
        )
    if lacking := sorted({str(one) for one in layers.missing(environment)}):
        names = sorted({canonicalize_name(one.name) for one in layers.missing(environment)})
        return say(
            "It needs %(packages)s, which neither it nor this image has: choose another image, or "
            "add it with `labwerk env add %(name)s %(names)s`.",
            packages=", ".join(lacking),
            name=environment.name,
            names=" ".join(names),
        )
    return None


def _unusable(environment: Environment) -> str | None:
    """Why its Python does not run in this image, with what to do; None if it does."""
    name = environment.name
    if environment.python is None:
        return say(
            "It is damaged: remove it with `labwerk env remove %(name)s` and create it again.",
            name=name,
        )
    here = sys.version_info[:2]
    if environment.python == here and environment.interpreter.exists():
        return None
    again = [name, *layers.chosen(environment)]
    if layers.image_below(environment) is None:
        again = ["--clean", name, *(set(again[1:]) - {"ipykernel", "pip"})]
    return say(
        "It is of Python %(python)s, which this image does not have (it has %(here)s): choose an "
        "image that has it, or make it anew with `labwerk env remove %(name)s` and `labwerk env "
        "create %(again)s`.",
        python=".".join(map(str, environment.python)),
        here=".".join(map(str, here)),
        name=name,
        again=" ".join(again),
    )


def _install(environment: Environment, packages: Sequence[str]) -> None:
    if layers.image_below(environment) is None:
        if packages:
            uv.install(environment.interpreter, packages)
        return
    parsed = [layers.parse(package) for package in packages]
    requests = [one for one in parsed if one is not None and layers.wanted_here(one)]
    elsewhere = [text for text, one in zip(packages, parsed, strict=True) if one is None]
    mine = set(layers.own(environment))
    if elsewhere:
        # What is at a path or address may be called like a package of the image, and is to be
        # installed all the same; what it needs is looked at below.
        uv.install(environment.interpreter, elsewhere, alone=True)
    before: list[str] = []
    while wanted := layers.missing(environment, requests):
        asked = sorted({str(one) for one in wanted})
        if asked == before:  # uv could not help it; `labwerk env list` says so
            break
        before = asked
        names = {canonicalize_name(one.name) for one in wanted}
        rest = set(layers.of_image(environment)) - names
        uv.install(environment.interpreter, asked, leave_out=sorted(rest))
    _say_what_the_image_gives(environment, [one.name for one in requests])
    if set(layers.own(environment)) != mine:
        _say_what_is_disturbed(environment)


def _say_what_the_image_gives(environment: Environment, names: Sequence[str]) -> None:
    below = layers.of_image(environment)
    for name in map(canonicalize_name, names):
        if name in below:
            _note(
                say(
                    "%(package)s is taken from the image and changes with it; name another version "
                    "to have your own, or make an environment with --clean.",
                    package=f"{name} {below[name].version}",
                )
            )


def _say_what_is_disturbed(environment: Environment) -> None:
    for package, need in layers.disturbed(environment).items():
        _note(
            say(
                "%(package)s of the image was made for %(need)s and may fail in this environment, "
                "which has its own.",
                package=package,
                need=str(need),
            )
        )


def _say_waiting() -> None:
    _note(say("Another `labwerk env` is at work in your home; this one goes on when it is done."))


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
