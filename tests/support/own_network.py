"""A network in which nothing changes, for a browser beside the tests' engine.

Chromium ends every request in flight when a network interface appears, and each session
that starts brings one. A person's browser is on a machine of their own; here it gets a
network namespace with nothing but loopback, in which the workbench's ports are forwarded.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

_CLONE_NEWNET = 0x40000000


@contextmanager
def own_network(folder: Path, ports: Sequence[int]) -> Iterator[Path]:
    """A namespace whose 127.0.0.1 forwards ``ports`` to ours; its file, while it is open."""
    namespace = folder / "network"
    namespace.touch()
    subprocess.run(["unshare", f"--net={namespace}", "true"], check=True)
    try:
        up = ["nsenter", f"--net={namespace}", "ip", "link", "set", "lo", "up"]
        subprocess.run(up, check=True)
        with ThreadPoolExecutor(1) as pool:  # a thread that stays in the other namespace
            listeners = list(pool.map(lambda port: _listener(namespace, port), ports))
        with _forwarding(listeners):
            yield namespace
    finally:
        subprocess.run(["umount", str(namespace)], check=True)
        namespace.unlink()


def _listener(namespace: Path, port: int) -> socket.socket:
    """A socket that listens in the other namespace; it belongs there wherever it is used."""
    libc = ctypes.CDLL(None, use_errno=True)
    with namespace.open() as file:
        if libc.setns(file.fileno(), _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return socket.create_server(("127.0.0.1", port))


@contextmanager
def _forwarding(listeners: Sequence[socket.socket]) -> Iterator[None]:
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(_serve(listeners, stop),))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


async def _serve(listeners: Sequence[socket.socket], stop: asyncio.Event) -> None:
    servers = [await asyncio.start_server(_forward, sock=listener) for listener in listeners]
    await stop.wait()
    for server in servers:
        server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    _, port = writer.get_extra_info("sockname")
    try:
        there, back = await asyncio.open_connection("127.0.0.1", port)
    except OSError:  # nobody listens on our side: the browser sees its connection end
        writer.close()
        return
    await asyncio.gather(_pump(reader, back), _pump(there, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    writer.close()
