"""Give the person's number a name: a session runs as a uid that no file of the image has.

Without a name, ``whoami``, ``git`` and ``ssh`` refuse or complain, and the prompt reads
"I have no name!". libnss-extrausers reads further accounts from /var/lib/extrausers, which
in this image links to /run/labwerk, a tmpfs of the session.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

_FOLDER = Path("/run/labwerk")


def name_the_user(folder: Path = _FOLDER) -> None:
    """Write the account files; without a writable /run the number stays nameless."""
    uid, gid = os.getuid(), os.getgid()
    if uid == 0:
        return
    name = re.sub(r"[^a-z0-9_.-]", "-", os.environ.get("USER", "lab").lower())
    home, shell = os.environ.get("HOME", "/"), os.environ.get("SHELL", "/bin/bash")
    try:
        folder.mkdir(exist_ok=True)
        (folder / "passwd").write_text(f"{name}:x:{uid}:{gid}:{name}:{home}:{shell}\n")
        (folder / "group").write_text(f"{name}:x:{gid}:\n")
    except OSError as error:
        print(f"labwerk: no account name for uid {uid}: {error}", flush=True)
    os.environ.setdefault("USER", name)
    os.environ.setdefault("LOGNAME", name)
