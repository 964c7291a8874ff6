"""A kernel on a session's server, over its REST and websocket interface."""

from __future__ import annotations

import json
import time
import uuid
from types import TracebackType
from typing import Any, Self

import websocket


class CodeFailedError(Exception):
    """The code raised; the message is the kernel's name, value and traceback."""


class Kernel:
    """A connection to a running kernel; a context manager that closes it."""

    def __init__(self, url: str, cookie: str) -> None:
        self._session = uuid.uuid4().hex
        self._socket = websocket.create_connection(
            f"{url}?session_id={self._session}", cookie=cookie, timeout=60, suppress_origin=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._socket.close()

    def run(self, code: str, seconds: float = 120) -> str:
        """Run ``code``; what it printed and its last value.

        Raises :class:`CodeFailedError` if it raised, TimeoutError if it did not end.
        """
        identifier = self.send(code)
        said: list[str] = []
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            message = json.loads(self._socket.recv())
            if message["parent_header"].get("msg_id") != identifier:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                said.append(content["text"])
            elif kind == "execute_result":
                said.append(content["data"]["text/plain"])
            elif kind == "error":
                raise CodeFailedError("\n".join([content["ename"], content["evalue"]]))
            elif kind == "status" and content["execution_state"] == "idle":
                return "".join(said).strip()
        raise TimeoutError(f"the kernel did not end within {seconds} s: {code[:80]!r}")

    def send(self, code: str) -> str:
        """Have ``code`` run and do not wait for it; the request's id."""
        identifier = uuid.uuid4().hex
        content: dict[str, Any] = {
            "code": code,
            "silent": False,
            "store_history": False,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        }
        header = {
            "msg_id": identifier,
            "msg_type": "execute_request",
            "session": self._session,
            "username": "",
            "version": "5.3",
        }
        message = {
            "header": header,
            "parent_header": {},
            "metadata": {},
            "content": content,
            "channel": "shell",
            "buffers": [],
        }
        self._socket.send(json.dumps(message))
        return identifier
