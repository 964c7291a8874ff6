"""Secrets that Labwerk makes once and keeps, each in a file of its own."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

_BYTES = 32


def kept_secret(path: Path) -> str:
    """The secret in the file ``path``: 32 random bytes as hexadecimal, made if it is missing.

    Only the owner may read it. The owner is that of the folder, so that root can make
    what the system user reads. Raises OSError if the file can neither be read nor made.
    """
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        pass
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(secrets.token_hex(_BYTES) + "\n")
        if os.geteuid() == 0:
            folder = path.parent.stat()
            os.fchown(stream.fileno(), folder.st_uid, folder.st_gid)
    try:
        # Linking fails if another process was faster: then its secret counts.
        path.hardlink_to(fresh)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return path.read_text(encoding="ascii").strip()
