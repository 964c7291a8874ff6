"""The proxy in front of everything: its options, and what has it start anew.

Every open page and kernel hangs on it, so it is left alone unless what it is made of changes.
"""

from __future__ import annotations

from pathlib import Path

from labwerk_hub.machine import node
from labwerk_hub.machine.files import content_stamp
from labwerk_hub.machine.places import Places
from labwerk_hub.settings import Settings

#: The name of the secret that the hub shows to the proxy's own interface.
TOKEN = "proxy_token"


def options(settings: Settings, places: Places) -> tuple[str, ...]:
    """configurable-http-proxy's options."""
    network = settings.network
    hub = f"http://{network.gateway}:{network.hub_port}"
    found = (
        *("--ip", network.address, "--port", str(network.public_port)),
        *("--api-ip", "127.0.0.1", "--api-port", str(network.proxy_api_port)),
        *("--default-target", hub, "--error-path", str(places.proxy_pages)),
    )
    if not network.tls_certificate:
        return found
    certificate, key = _tls_files(settings)
    return (*found, "--ssl-cert", str(certificate), "--ssl-key", str(key))


def stamp(settings: Settings, places: Places) -> str:
    """A hash of what the proxy reads at start: a renewed certificate changes it, too."""
    files = [places.secrets / TOKEN]
    if settings.network.tls_certificate:
        files += _tls_files(settings)
    there = [file for file in files if file.exists()]
    return content_stamp(there, node.program_stamp(places, "proxy"), *options(settings, places))


def _tls_files(settings: Settings) -> tuple[Path, Path]:
    network = settings.network
    return settings.resolve(network.tls_certificate), settings.resolve(network.tls_key)
