"""What the processes run with: the settings' copy, secrets, hub config, notebooks.

Nothing that runs as the system user depends on the checkout, which may be closed to it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import tomli_w

from labwerk_hub.adapters.kept_secrets import kept_secret
from labwerk_hub.machine.accounts import account
from labwerk_hub.machine.files import (
    content_stamp,
    open_to_all,
    read_stamp,
    replace_folder,
    write_whole,
)
from labwerk_hub.machine.log import Account
from labwerk_hub.machine.places import Places
from labwerk_hub.machine.provider import write_provider_config
from labwerk_hub.settings import Settings, load_settings

#: Made once; the sign-in makes its own.
_SECRETS = ("cookie_secret", "proxy_token", "service_token")


def ensure_secrets(places: Places) -> None:
    """Make the tokens and keys that are not there yet; the ones there stay."""
    for name in _SECRETS:
        kept_secret(places.secrets / name)


def _write_private(path: Path, text: str, who: Account) -> None:
    write_whole(path, text, mode=0o600)
    os.chown(path, who.uid, who.gid, follow_symlinks=False)


def install_provider_config(settings: Settings) -> None:
    """Write the demo provider's configuration, readable by the system user alone."""
    if settings.sign_in.is_demo:
        who = account(settings.machine.user)
        os.chown(write_provider_config(settings), who.uid, who.gid)


def install_settings(settings: Settings, places: Places) -> Settings:
    """Write the copy of the settings that processes read, and read it back.

    Relative files become absolute. Dataset files beside the settings file, and those that
    the system user may not reach, are copied; others stay where they are. The client's
    secret, the passwords and the TLS files are copied among the secrets.
    """
    raw = tomllib.loads(settings.path.read_text(encoding="utf-8"))
    for entry in raw.get("datasets", []):
        entry["files"] = [str(_dataset_file(settings, places, file)) for file in entry["files"]]
    _private_file(settings, places, raw.get("sign_in", {}), "client_secret_file")
    _private_file(settings, places, raw.get("database", {}), "password_file")
    _private_file(settings, places, raw.get("mail", {}), "password_file", "mail_password")
    _private_file(settings, places, raw.get("network", {}), "tls_key")
    _private_file(settings, places, raw.get("network", {}), "tls_certificate")
    text = "# Made by `up` from " + str(settings.path) + "; changes belong there.\n"
    write_whole(places.settings, text + tomli_w.dumps(raw))
    return load_settings(places.settings)


def _dataset_file(settings: Settings, places: Places, file: str) -> Path:
    source, folder = settings.resolve(file), settings.path.parent.resolve()
    if source.is_relative_to(folder):
        target = places.datasets / source.relative_to(folder)
    elif open_to_all(source):
        return source
    else:
        target = places.datasets / "elsewhere" / source.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    for parent in target.parents:
        if parent == places.datasets:
            break
        parent.chmod(0o755)
    there = target.stat() if target.exists() else None
    wanted = source.stat()
    if there is None or (there.st_size, there.st_mtime_ns) != (wanted.st_size, wanted.st_mtime_ns):
        fresh = target.with_name(f".{target.name}.new")
        shutil.copy2(source, fresh)
        fresh.chmod(0o644)
        fresh.replace(target)
    return target


def _private_file(
    settings: Settings, places: Places, section: dict[str, Any], key: str, name: str = ""
) -> None:
    """Copy a file that a setting names among the secrets, and let the setting name the copy.

    The copy is called as the setting is, or ``name``.
    """
    file = str(section.get(key, ""))
    if not file:
        return
    target = places.secrets / (name or key)
    text = settings.resolve(file).read_text(encoding="utf-8")
    _write_private(target, text, account(settings.machine.user))
    section[key] = str(target)


def install_hub_config(checkout: Path, places: Places) -> None:
    """Copy jupyterhub_config.py to where the system user can read it."""
    source = checkout / "hub_config" / "jupyterhub_config.py"
    write_whole(places.hub_config, source.read_text(encoding="utf-8"))


def install_notebooks(checkout: Path, places: Places) -> None:
    """Render the notebooks that new homes get, one folder a language."""
    sources = checkout / "notebooks"
    stamp = content_stamp([sources])
    if read_stamp(places.notebooks / ".stamp") == stamp:
        return
    fresh = places.notebooks.with_name(".notebooks.new")
    shutil.rmtree(fresh, ignore_errors=True)
    render = [sys.executable, str(sources / "render.py"), str(fresh)]
    subprocess.run(render, check=True, stdout=subprocess.DEVNULL)
    write_whole(fresh / ".stamp", stamp + "\n")
    replace_folder(fresh, places.notebooks)


def provider_stamp(places: Places) -> str:
    """A hash of what the demo's provider reads at start."""
    config = places.run / "provider.json"
    return content_stamp([config] if config.exists() else [])


def run_stamp(places: Places) -> str:
    """A hash of what programs read at start: when it changes, they start anew."""
    files = [places.settings, places.hub_config, places.run / "provider.json"]
    return content_stamp([file for file in files if file.exists()])
