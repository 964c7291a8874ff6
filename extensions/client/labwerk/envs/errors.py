"""What can go wrong with environments, as types like those of `labwerk.errors`."""

from __future__ import annotations

from collections.abc import Sequence

from labwerk.errors import LabwerkError
from labwerk.texts import say


class EnvironmentRefusedError(LabwerkError):
    """An environment of one's own cannot be made, changed or removed as asked."""

    code = "environment"

    @classmethod
    def name(cls, name: str) -> EnvironmentRefusedError:
        """For a name that is not allowed."""
        return cls(
            say(
                "“%(name)s” cannot be an environment's name: take lower-case letters, digits and "
                "hyphens, at most 40, with a letter or a digit first, such as “rotor-2”.",
                name=name,
            )
        )

    @classmethod
    def kernel_taken(cls, name: str) -> EnvironmentRefusedError:
        """For a name that a kernel has which is none of ours."""
        return cls(
            say(
                "There is a kernel “%(name)s” already, which was not made by `labwerk env`: choose "
                "another name.",
                name=name,
            )
        )

    @classmethod
    def exists(cls, name: str) -> EnvironmentRefusedError:
        """For a name that an environment has."""
        return cls(
            say(
                "The environment “%(name)s” exists: add packages with `labwerk env add %(name)s "
                "PACKAGE`, choose another name, or remove it with `labwerk env remove %(name)s`.",
                name=name,
            )
        )

    @classmethod
    def unknown(cls, name: str, known: Sequence[str]) -> EnvironmentRefusedError:
        """For a name that no environment has."""
        if known:
            return cls(
                say(
                    "There is no environment “%(name)s”; there are: %(known)s.",
                    name=name,
                    known=", ".join(known),
                )
            )
        return cls(
            say(
                "There is no environment “%(name)s”: make it with `labwerk env create %(name)s`.",
                name=name,
            )
        )

    @classmethod
    def unfit(cls, name: str, problem: str) -> EnvironmentRefusedError:
        """For one to which nothing can be added in this image."""
        return cls(
            say(
                "Nothing can be added to the environment “%(name)s”. %(problem)s",
                name=name,
                problem=problem,
            )
        )

    @classmethod
    def nothing_to_add(cls, name: str) -> EnvironmentRefusedError:
        """For an addition that names no packages."""
        return cls(
            say(
                "Name the packages to install, such as `labwerk env add %(name)s pvlib`.",
                name=name,
            )
        )

    @classmethod
    def unconfirmed(cls, name: str) -> EnvironmentRefusedError:
        """For a removal that nobody could be asked about."""
        return cls(
            say(
                "Nobody is there to ask whether “%(name)s” may be removed: say so with "
                "`labwerk env remove %(name)s --yes`.",
                name=name,
            )
        )

    @classmethod
    def unwritable(cls, path: str, reason: str) -> EnvironmentRefusedError:
        """For a folder of the home that cannot be written to."""
        return cls(
            say(
                "%(path)s cannot be written (%(reason)s): environments are kept there.",
                path=path,
                reason=reason,
            )
        )


class InstallError(LabwerkError):
    """Packages of an environment could not be fetched or installed; uv says why."""

    code = "install"

    @classmethod
    def unreachable(cls, said: str) -> InstallError:
        """For an index of packages that does not answer."""
        return cls(
            say(
                "The index of packages does not answer (uv: “%(said)s”): ask your operator which "
                "one this site has, and name it in UV_DEFAULT_INDEX or in pip's index-url.",
                said=said,
            )
        )

    @classmethod
    def refused(cls, said: str) -> InstallError:
        """For everything else that uv refuses."""
        return cls(
            say(
                "The packages could not be installed (uv: “%(said)s”): check their names and "
                "versions.",
                said=said,
            )
        )


class HomeFullError(LabwerkError):
    """There is no room left in the home for what an environment needs."""

    code = "disk-full"

    def __init__(self, said: str) -> None:
        super().__init__(
            say(
                "Your home has too little room (“%(said)s”): remove what you no longer need, such "
                "as environments (`labwerk env remove NAME`) and uv's cache (`uv cache clean`).",
                said=said,
            )
        )
