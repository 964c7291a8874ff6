"""What can go wrong, as types: each has a code for programs and a sentence for people."""

from __future__ import annotations

from collections.abc import Sequence

from labwerk.texts import say


class LabwerkError(Exception):
    """Something that the person can read and act on."""

    code = "labwerk"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotInLabwerkError(LabwerkError):
    """The environment does not name a hub service: this is no Labwerk session."""

    code = "not-in-labwerk"

    def __init__(self) -> None:
        super().__init__(
            say(
                "This Python does not run in a Labwerk session (LABWERK_SERVICE_URL or "
                "JUPYTERHUB_API_TOKEN is not set): start a server in Labwerk and use it there."
            )
        )


class ServiceUnreachableError(LabwerkError):
    """The hub service did not answer, or answered something else."""

    code = "service-unreachable"

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(
            say(
                "The workbench's service at %(address)s does not answer (%(reason)s): "
                "your session runs on, please try again in a minute.",
                address=address,
                reason=reason,
            )
        )


class RefusedError(LabwerkError):
    """The hub service refused, with a code and a sentence of its own."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class NoSessionError(LabwerkError):
    """The workbench knows of no running session of this person."""

    code = "no-session"

    def __init__(self) -> None:
        super().__init__(
            say("The workbench knows of no running session of yours; it may just be ending.")
        )


class UnknownDatasetError(LabwerkError):
    """No dataset of this id is open to this session."""

    code = "unknown-dataset"

    def __init__(self, dataset: str, known: Sequence[str]) -> None:
        if known:
            message = say(
                "There is no dataset “%(dataset)s” in this session; there are: %(known)s.",
                dataset=dataset,
                known=", ".join(known),
            )
        else:
            message = say(
                "There is no dataset “%(dataset)s” in this session; none is shared with you.",
                dataset=dataset,
            )
        super().__init__(message)


class UnknownFileError(LabwerkError):
    """A dataset has no such file, or several and none was named."""

    code = "unknown-file"

    def __init__(self, dataset: str, file: str | None, known: Sequence[str]) -> None:
        names = ", ".join(known)
        if file is None:
            message = say(
                "The dataset %(dataset)s has several files; choose one with file=…: %(known)s.",
                dataset=dataset,
                known=names,
            )
        else:
            message = say(
                "The dataset %(dataset)s has no file “%(file)s”; it has: %(known)s.",
                dataset=dataset,
                file=file,
                known=names,
            )
        super().__init__(message)


class UnreadableFileError(LabwerkError):
    """A file is not there, not readable, or of a format that is not a table."""

    code = "unreadable-file"

    @classmethod
    def format(cls, path: str, found: str) -> UnreadableFileError:
        """For a format that no engine here reads."""
        return cls(
            say(
                "%(path)s has the format “%(format)s”, which is not a table that can be opened "
                "here; read it with a library that knows it.",
                path=path,
                format=found,
            )
        )

    @classmethod
    def absent(cls, path: str) -> UnreadableFileError:
        """For a file that is not mounted in this session."""
        return cls(
            say(
                "%(path)s is not in this session: it may have been shared after the session "
                "started; stop the server and start it again.",
                path=path,
            )
        )


class UnknownEngineError(LabwerkError):
    """An engine that is none of ours."""

    code = "unknown-engine"

    def __init__(self, engine: str, known: Sequence[str]) -> None:
        super().__init__(
            say(
                "There is no engine “%(engine)s”; there are: %(known)s.",
                engine=engine,
                known=", ".join(known),
            )
        )


class MissingLibraryError(LabwerkError):
    """A library that was asked for is not in this image."""

    code = "missing-library"

    @classmethod
    def asked(cls, library: str) -> MissingLibraryError:
        """For the one that an engine or a widget is made with."""
        return cls(
            say(
                "The library %(library)s is not in this image: choose another engine or image, "
                "or install it with “%%pip install %(library)s”.",
                library=library,
            )
        )

    @classmethod
    def needed(cls, libraries: Sequence[str], image: str | None) -> MissingLibraryError:
        """For those that a notebook needs, all of them in ``image``, or not in one of ours."""
        names = ", ".join(libraries)
        if image is None:
            message = say(
                "Missing in this image: %(libraries)s. Choose an image that has all of this, or "
                "install what is missing with “%%pip install”.",
                libraries=names,
            )
        else:
            message = say(
                "Missing in this image: %(libraries)s. Stop the server and start it again with "
                "the image “%(image)s”.",
                libraries=names,
                image=image,
            )
        return cls(message)

    @classmethod
    def needed_with_gpu(cls, libraries: Sequence[str], image: str) -> MissingLibraryError:
        """For those that ``image`` has only where the session has a GPU."""
        return cls(
            say(
                "Missing in this image: %(libraries)s. Stop the server and start it again with "
                "the image “%(image)s” and a GPU.",
                libraries=", ".join(libraries),
                image=image,
            )
        )
