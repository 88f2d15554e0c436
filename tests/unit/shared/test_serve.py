"""Serving: how a process that leaves lets go of its port."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

import pytest
import uvicorn

from shared.runtime.serve import _Server, bind

REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
CALLERS = 5
Leave = Callable[[uvicorn.Server, list[socket.socket]], Awaitable[None]]


async def hello(_scope: object, _receive: object, send: object) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})  # type: ignore[operator]
    await send({"type": "http.response.body", "body": b"hi"})  # type: ignore[operator]


async def serving() -> tuple[_Server, socket.socket]:
    sock = bind("127.0.0.1", 0)
    config = uvicorn.Config(hello, log_config=None, lifespan="off")
    config.load()
    server = _Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[sock])
    return server, sock


async def read_all(caller: socket.socket) -> bytes:
    loop, answer = asyncio.get_running_loop(), b""
    caller.setblocking(False)
    while piece := await loop.sock_recv(caller, 4096):
        answer += piece
    return answer


@pytest.mark.parametrize("leave", [_Server.shutdown, uvicorn.Server.shutdown], ids=["ours", "naive"])
async def test_who_is_in_the_kernels_queue_is_answered_before_the_port_closes(leave: Leave):
    server, sock = await serving()
    with contextlib.ExitStack() as held:
        callers = []
        # Nothing is awaited before the server leaves: its loop cannot have taken any of them.
        for _ in range(CALLERS):
            caller = held.enter_context(socket.create_connection(sock.getsockname()))
            caller.sendall(REQUEST)
            callers.append(caller)
        leaving = asyncio.ensure_future(leave(server, [sock]))
        answers = await asyncio.gather(*map(read_all, callers), return_exceptions=True)
        await leaving

    if leave is uvicorn.Server.shutdown:
        assert all(isinstance(each, ConnectionResetError) for each in answers)
    else:
        assert [each[:15] if isinstance(each, bytes) else each for each in answers] == [b"HTTP/1.1 200 OK"] * CALLERS
        assert all(b"connection: close" in each for each in answers if isinstance(each, bytes))
