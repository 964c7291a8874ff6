"""What an environment has itself, what the image below gives it, and what is missing.

An environment that stands on the image has one file more than a plain one, which adds the
image's folder of packages to the end of its search path, as uv does for the environments
of ``uv run --with``. The folder is looked at whenever Python starts, and every image has it
at the same place: so an environment sees the packages of the image that the session runs.

pip knows packages that are found this way; uv looks into the environment alone. So uv is
told to leave out what the image has, and asked again for whatever does not fit then.
"""

from __future__ import annotations

import re
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from labwerk.envs.place import Environment

_LAYER = "zzz_labwerk_image.pth"
"""Files of this kind are read by name: whatever a package of one's own adds comes before."""

_PIP = '#!/bin/sh\nexec "$(dirname -- "$0")/python" -m pip "$@"\n'
"""The image's pip in an environment: without it, a shell would find that of the image."""

Installed = Mapping[str, Distribution]


def stand_on_image(environment: Environment) -> None:
    """Put the image's packages below an environment's own."""
    image = sysconfig.get_path("purelib")
    line = f"import site; site.addsitedir({image!r})\n"
    (environment.packages / _LAYER).write_text(line, encoding="utf-8")
    for name in ("pip", "pip3"):
        script = environment.path / "bin" / name
        script.write_text(_PIP, encoding="utf-8")
        script.chmod(0o755)


def image_below(environment: Environment) -> Path | None:
    """The folder of the image's packages; None if the environment stands by itself."""
    try:
        line = (environment.packages / _LAYER).read_text("utf-8")
    except OSError:
        return None
    found = re.search(r"addsitedir\('(.*)'\)", line)
    return Path(found[1]) if found else None


def own(environment: Environment) -> Installed:
    """An environment's own packages by name."""
    return _in(environment.packages)


def of_image(environment: Environment) -> Installed:
    """The packages that the image gives it, without those that it has itself."""
    image = image_below(environment)
    if image is None:
        return {}
    mine = own(environment)
    return {name: found for name, found in _in_image(image).items() if name not in mine}


def chosen(environment: Environment) -> list[str]:
    """The own packages that no other of them needs: with these, the rest comes again."""
    mine = own(environment)
    needed = {canonicalize_name(need.name) for package in mine.values() for need in _needs(package)}
    return sorted(set(mine) - needed)


def missing(environment: Environment, requests: Iterable[Requirement] = ()) -> list[Requirement]:
    """What requests, and the environment's own packages, need and nothing provides.

    If something is missing, everything that is asked of it is in the answer, so that whoever
    installs it sees all conditions.
    """
    mine = own(environment)
    everything = [*requests, *(need for package in mine.values() for need in _needs(package))]
    found = {**of_image(environment), **mine}
    asked = list(_with_extras(everything, found))
    names = {canonicalize_name(one.name) for one in asked if not _provides(found, one)}
    return [one for one in asked if canonicalize_name(one.name) in names]


def disturbed(environment: Environment) -> dict[str, Requirement]:
    """Packages of the image that need another version of something than the own one."""
    mine = own(environment)
    result = {}
    for name, package in of_image(environment).items():
        for need in _needs(package):
            if canonicalize_name(need.name) in mine and not _provides(mine, need):
                result[f"{name} {package.version}"] = need
    return result


def parse(request: str) -> Requirement | None:
    """A request as a requirement; None for paths and addresses, which uv understands."""
    try:
        requirement = Requirement(request)
    except InvalidRequirement:
        return None
    return None if requirement.url else requirement


def wanted_here(requirement: Requirement, extra: str = "") -> bool:
    """Whether a requirement is meant for this Python, and for an extra of its package."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _in(folder: Path) -> dict[str, Distribution]:
    found: dict[str, Distribution] = {}
    for package in distributions(path=[str(folder)]):
        # A file that was not written to its end has no name.
        if name := package.metadata["Name"]:
            found.setdefault(canonicalize_name(name), package)
    return found


# The image stays as it is while a command runs.
_in_image = cache(_in)


def _needs(package: Distribution, extra: str = "") -> Iterator[Requirement]:
    for text in package.requires or ():
        try:
            requirement = Requirement(text)
        except InvalidRequirement:  # of a time before the standard; pip overlooks it, too
            continue
        if wanted_here(requirement, extra) and not (extra and wanted_here(requirement)):
            requirement.marker = None  # said, and uv knows of no extra here
            yield requirement


def _with_extras(requirements: Iterable[Requirement], found: Installed) -> Iterator[Requirement]:
    """The requirements, and what the extras that they name require of what is installed."""
    open_ends, seen = list(requirements), set[tuple[str, str]]()
    while open_ends:
        requirement = open_ends.pop(0)
        yield requirement
        name = canonicalize_name(requirement.name)
        for extra in requirement.extras:
            if name in found and (name, extra) not in seen:
                seen.add((name, extra))
                open_ends.extend(_needs(found[name], extra))


def _provides(found: Installed, requirement: Requirement) -> bool:
    package = found.get(canonicalize_name(requirement.name))
    return package is not None and requirement.specifier.contains(package.version, prereleases=True)
