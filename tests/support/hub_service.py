"""The hub service as it is, beside a hub that only knows whose tokens are whose."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from fastapi.testclient import TestClient
from labwerk_hub.api.app import create_app

from support.small_install import SmallInstall


@contextmanager
def serving(
    site: SmallInstall, tokens: Mapping[str, object], patch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    """A client of the service, without its loops: those begin with its lifespan.

    ``tokens`` is what JupyterHub's ``GET /hub/api/user`` says of each token.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            token = self.headers["Authorization"].split()[1]
            known = self.path == "/hub/api/user" and token in tokens
            body = json.dumps(tokens.get(token, {})).encode()
            self.send_response(200 if known else 403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    patch.setenv("JUPYTERHUB_API_TOKEN", "of-the-service")
    app = create_app(site.settings)
    app.state.hub_auth.api_url = f"http://127.0.0.1:{server.server_port}/hub/api"
    try:
        yield TestClient(app)
    finally:
        server.shutdown()
        server.server_close()
