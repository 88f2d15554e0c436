"""Serve one process of the platform over HTTP until it is told to stop."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import uvicorn

from shared.errors import UserError
from shared.runtime.platform import Platform

GRACE_SECONDS = 15
GOODBYE_SECONDS = 0.3
LAST_LOOKS = 5


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the runtime decides when to stop, and in what order."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no new connection, answer what is on its way on those there are, then close.

        uvicorn alone closes a connection whose request it has not read yet, and idle ones under their clients' hands:
        answers from now on tell the client that the connection ends. Whoever is in the kernel's queue is let in first,
        for closing the port would reset them.
        """
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
        waiting = [each for sock in sockets or () for each in _accept_waiting(sock)]
        for each in (*self.servers, *(sockets or ())):
            each.close()
        for connection in waiting:
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, sock=connection)
        await asyncio.sleep(GOODBYE_SECONDS)
        # A late timer comes before what has arrived meanwhile: look once more, or requests that wait are cut off.
        for _ in range(LAST_LOOKS):
            await asyncio.sleep(0)
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        """What uvicorn makes for each connection that it takes itself."""
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _accept_waiting(sock: socket.socket) -> Iterator[socket.socket]:
    """The connections that the kernel holds and nobody has taken yet."""
    sock.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            yield sock.accept()[0]


def bind(host: str, port: int) -> socket.socket:
    """Take the port before anything else is started; 0 takes a free one.

    Raises:
        UserError: the port is in use, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        # Listening makes a second start fail at once, not only when both have come up.
        sock.listen(2048)
    except OSError as error:
        sock.close()
        reason = "is in use" if error.errno == 98 or "in use" in str(error) else f"cannot be used ({error.strerror})"
        raise UserError(f"{host}:{port} {reason}; set TAM_PORT (or TAM_HOST) to another.") from error
    return sock


async def serve(
    platform: Platform,
    sock: socket.socket,
    *,
    meanwhile: Callable[[asyncio.Event], Coroutine[Any, Any, None]] | None = None,
) -> None:
    """Work and answer until SIGINT or SIGTERM, then drain.

    `meanwhile` runs beside it once the server answers, and may set the event it gets to end everything.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = _Server(
        uvicorn.Config(
            platform.app,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=GRACE_SECONDS,
            server_header=False,
            # Ours counts proxies: `shared/http/forwarded.py`.
            proxy_headers=False,
        )
    )
    try:
        async with asyncio.TaskGroup() as group:
            working = group.create_task(platform.workers.run())
            answering = group.create_task(server.serve(sockets=[sock]))
            await _first(server.up, stop, answering)
            # Told to stop before it was up: there is nobody to do it with.
            extra = None if meanwhile is None or stop.is_set() else group.create_task(meanwhile(stop))
            await _first(stop, stop, answering, working, extra)
            platform.health.stopping = True
            server.should_exit = True
            await answering
            await platform.workers.drain()
            working.cancel()
            if extra is not None:
                extra.cancel()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _first(
    event: asyncio.Event, stop: asyncio.Event, answering: asyncio.Task[None], *others: asyncio.Task[None] | None
) -> None:
    """Wait for `event` or `stop`, or until something that must not end has ended."""
    waits = {asyncio.ensure_future(each.wait()) for each in (event, stop)}
    watched: set[asyncio.Future[Any]] = {*waits, answering, *(task for task in others if task is not None)}
    try:
        while True:
            done, watched = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            if done & waits or answering in done or any(task.exception() for task in done if not task.cancelled()):
                return
    finally:
        for wait in waits:
            wait.cancel()
