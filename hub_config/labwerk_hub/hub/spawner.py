"""A session's server in a container of its own.

JupyterHub promises of the methods here: ``start`` may raise and is followed by ``stop``;
``stop`` must stand there being no container; a ``poll`` that raises counts as stopped, so
it answers "running" while the engine cannot be reached.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, ParamSpec, TypeVar

import docker.errors
from dockerspawner import DockerSpawner
from jupyterhub.spawner import SpawnException
from jupyterhub.utils import url_path_join
from tornado import web
from traitlets import Instance, Unicode, default

from labwerk_hub.adapters.docker import engine_arguments, refused, unreachable
from labwerk_hub.domain.admission import Reason, Request
from labwerk_hub.domain.container import PORT, ContainerSpec
from labwerk_hub.domain.leases import EndReason
from labwerk_hub.errors import (
    EngineUnreachableError,
    LabwerkError,
    StorageError,
)
from labwerk_hub.hub import asking, language
from labwerk_hub.hub.readiness import ServerEndedError, wait_until_ready
from labwerk_hub.hub.stages import Stage, Stages
from labwerk_hub.services import sessions
from labwerk_hub.services.offers import RefusedError
from labwerk_hub.services.ports import ContainerState
from labwerk_hub.services.workbench import Workbench
from labwerk_hub.texts import N_, Message, render

_P = ParamSpec("_P")
_T = TypeVar("_T")

#: Docker answers several requests at once; one thread, as dockerspawner has it, would
#: make everybody wait for one slow stop.
_THREADS = 8
_LOG_LINES = 40


@cache
def _executor() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, "labwerk-spawner")


class LabwerkSpawner(DockerSpawner):
    """DockerSpawner whose container is one ContainerSpec, under one lease."""

    workbench = Instance(Workbench, help="What services work with.").tag(config=True)
    session = Unicode(help="The session's id, which is also its container's name.")
    #: The end of the log of a server that did not come up; operators are shown it.
    failure_log = Unicode()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stages = Stages()
        self._start_failed = False
        #: Whether the person took the start back: no failure, and no place in line is kept.
        self.cancelled = False
        #: What a start is at in a thread: admission, or the engine.
        self._step: asyncio.Future[Any] | None = None

    @property
    def executor(self) -> ThreadPoolExecutor:
        """Threads for the engine and the database, shared by all spawners."""
        return _executor()

    @property
    def client(self) -> Any:
        """The engine's client: the adapter's, so that there is one way to the socket."""
        return self.workbench.engine.client  # type: ignore[attr-defined]

    @default("port")
    def _default_port(self) -> int:
        return PORT

    async def start(self) -> tuple[str, int]:
        """Admission first; then the container; returns when the server answers."""
        self.stages, self.failure_log, self._start_failed = Stages(), "", True
        self.cancelled = False
        spoken = await language.of_spawner(self)
        try:
            return await self._start(spoken)
        except RefusedError as refusal:
            raise self._refused(refusal, spoken) from None
        except sessions.WaitingError as waits:
            raise self._waiting(waits, spoken) from None
        except ServerEndedError:
            raise await self._ended_early(spoken) from None
        except LabwerkError as error:
            raise self._unable(error, spoken) from None

    async def _start(self, spoken: str) -> tuple[str, int]:
        by = asking.name_of(self.handler.current_user) if self.handler else None
        request = await self._request()
        granted = await self._uninterrupted(
            sessions.admit, self.workbench, self.user.name, request, spoken, by
        )
        self.session = self.object_name = granted.spec.name
        self.image = granted.spec.image
        self.mem_limit, self.cpu_limit = granted.spec.memory_bytes, granted.spec.cpus
        self.log.info("%s holds %s", self.session, granted.lease.slice or "no slice")
        self.stages.reach(Stage.CONTAINER, spoken)
        environment = self.get_env()
        address = await self._uninterrupted(self._run, granted.spec, environment)
        self.stages.reach(Stage.SERVER, spoken)
        url = f"http://{address}:{PORT}{url_path_join(self.server.base_url, 'api')}"
        # What the container sees is looked up while the server is starting anyway; a wrong
        # device ends the start at once.
        ready = asyncio.ensure_future(wait_until_ready(url, is_running=self._is_running))
        verified = asyncio.ensure_future(self._call(sessions.verify, self.workbench, granted.spec))
        try:
            await asyncio.gather(ready, verified)
        finally:
            ready.cancel()
            verified.cancel()
        try:
            await self._call(sessions.begun, self.workbench, self.session)
        except LabwerkError as error:
            # The server answers; the service's next reading of the engine makes up for it.
            self.log.warning("%s is not noted as live yet: %s", self.session, error)
        self.stages.reach(Stage.READY, spoken)
        self._start_failed = False
        return address, PORT

    async def poll(self) -> int | str | None:
        """None while the container runs, and while the engine cannot be asked."""
        if self._step is not None or self._start_pending:
            return None  # so that `stop` is called, which waits for the step
        try:
            if not self.session:
                # What a hub that was killed in the middle of a start has left behind.
                await self._call(sessions.clear_leftovers, self.workbench, self.user.name)
                return 0
            container = await self._call(self.workbench.engine.session, self.session)
            if container is not None and container.state is ContainerState.RUNNING:
                return None
            # It ended by itself, or somebody ended it: close its charge now.
            reason = EndReason.FAILED if self._start_failed else EndReason.STOPPED
            await self._call(sessions.ended, self.workbench, self.session, reason)
        except Exception as error:  # noqa: BLE001 - raising would make the hub drop the session
            self.log.warning("Cannot tell whether %s runs: %s", self.session or "it", error)
            return None if self.session else 0
        return 0 if container is None else "The container has ended."

    async def stop(self, now: bool = False) -> None:  # noqa: ARG002 - JupyterHub passes it
        """End the session: inspect, close the charge, remove. No container is fine."""
        if self._step is not None:
            await self._finish(self._step)
            self._step = None
        if self.session:
            failed = self._start_failed and not self.cancelled
            if failed and not self.failure_log:
                self.failure_log = await self._log_tail()
            reason, by = EndReason.FAILED if failed else EndReason.STOPPED, asking.who()
            try:
                await self._call(sessions.ended, self.workbench, self.session, reason, by)
            except EngineUnreachableError as error:
                raise web.HTTPError(503, str(error)) from error
            except StorageError as error:
                self.log.error("%s has ended, its data folder has not: %s", self.session, error)
        self.object_id = self.session = ""
        self.clear_state()

    async def progress(self) -> AsyncIterator[dict[str, object]]:
        """The stages as they are reached."""
        async for event in self.stages.events():
            yield event

    def get_state(self) -> dict[str, Any]:
        """What a restarted hub needs to find the container again."""
        state: dict[str, Any] = super().get_state()
        if self.session:
            state["session"] = self.session
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """The session of a server that ran before the hub did."""
        super().load_state(state)
        self.session = state.get("session", "")
        if self.session:
            self.object_name = self.session

    async def _request(self) -> Request:
        """What was chosen; for a start without a choice, as by the REST API, the last one."""
        chosen = self.user_options
        if chosen.get("flavour"):
            flavour, image = str(chosen["flavour"]), str(chosen.get("image", ""))
            payer = str(chosen.get("payer") or "")
            return Request(flavour, image, wait=bool(chosen.get("wait")), payer=payer)
        return await self._call(sessions.last_request, self.workbench, self.user.name)

    async def _call(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Run a service in a thread: database and engine never block the event loop."""
        return await asyncio.wrap_future(self.executor.submit(function, *args, **kwargs))

    async def _uninterrupted(
        self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """Run a step that a cancelled start must not leave half done: `stop` waits for it."""
        step = asyncio.ensure_future(self._call(function, *args, **kwargs))
        self._step = step
        result = await asyncio.shield(step)
        self._step = None
        return result

    async def _finish(self, step: asyncio.Future[Any]) -> None:
        """Wait for what a failed or cancelled start was at, and take over what came of it."""
        await asyncio.wait([step])
        if step.exception() is None and isinstance(step.result(), sessions.Granted):
            self.session = step.result().spec.name

    def _run(self, spec: ContainerSpec, environment: dict[str, str]) -> str:
        """Create and start the container; its address on the bridge. Runs in a thread."""
        if not sessions.may_run(self.workbench, spec.name):
            raise sessions.LeaseGoneError(
                f"{spec.name} was to start only after its lease had expired; start again."
            )
        with unreachable(), refused():
            created = self.client.create_container(
                **engine_arguments(self.client, spec, environment)
            )
            self.object_id = created["Id"]
            self.client.start(self.object_id)
            inspected = self.client.inspect_container(self.object_id)
        return str(inspected["NetworkSettings"]["Networks"][spec.network]["IPAddress"])

    async def _is_running(self) -> bool:
        try:
            container = await self._call(self.workbench.engine.session, self.session)
        except EngineUnreachableError:
            return True  # wait on: the server may answer all the same
        return container is not None and container.state is ContainerState.RUNNING

    async def _log_tail(self) -> str:
        def read() -> str:
            with unreachable():
                return str(
                    self.client.logs(self.session, tail=_LOG_LINES).decode("utf-8", "replace")
                )

        try:
            return await self._call(read)
        except (EngineUnreachableError, docker.errors.APIError):
            return ""  # no container came to be

    def _refused(self, error: RefusedError, spoken: str) -> SpawnException:
        refusal = error.refusal
        gone = refusal.reason in (Reason.NOT_ENTITLED, Reason.UNKNOWN_CHOICE)
        return SpawnException(
            render(refusal.message, spoken, self.workbench.policy.zone),
            reason=refusal.reason.value,
            log_message=f"{self.user.name}: {refusal.reason.value}",
            status_code=403 if gone else 503,
        )

    def _waiting(self, error: sessions.WaitingError, spoken: str) -> SpawnException:
        """No failure: the page of a server that is not there shows the person's place."""
        sentence = Message(N_("Nothing is free just now. You stand in line."))
        return SpawnException(
            render(sentence, spoken),
            reason=error.code,
            log_message=error.message,
            status_code=202,  # accepted, and not done yet: what the waiting room answers with
        )

    def _unable(self, error: LabwerkError, spoken: str) -> SpawnException:
        sentence = Message(
            N_(
                "This machine cannot start sessions right now. "
                "Please try again in a few minutes; operators can see why."
            )
        )
        self.failure_log = str(error)
        return SpawnException(
            render(sentence, spoken), reason=error.code, log_message=str(error), status_code=503
        )

    async def _ended_early(self, spoken: str) -> SpawnException:
        self.failure_log = await self._log_tail()
        sentence = Message(
            N_(
                "Your server ended before it answered. Please start it again; "
                "if it happens twice, tell an operator, who can see its log."
            )
        )
        return SpawnException(
            render(sentence, spoken),
            reason="server-ended",
            log_message=f"{self.session} ended before it answered:\n{self.failure_log}",
            status_code=500,
        )
