"""Let what people run trust what the machine trusts, such as a site's own proxy.

A session has the machine's certificates in Debian's one file. Debian's OpenSSL looks in the
folder beside it, where the image's own are, and ``requests`` in a package of its own.
"""

from __future__ import annotations

import os
from pathlib import Path

_FILE = Path("/etc/ssl/certs/ca-certificates.crt")


def trust_what_the_machine_trusts(file: Path = _FILE) -> None:
    """Set the variables for kernels and terminals, where they are not set already.

    The server itself has no use for them, and reading the file takes its time: call this once
    the server is imported.
    """
    if file.is_file():
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            os.environ.setdefault(name, str(file))
