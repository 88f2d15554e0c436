"""Everything at once, for as long as one likes: `TAM_TEST_SOAK=<seconds>`. Two processes, and no rest for them."""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from installation import Install, Installation

from shared.testing.kafka import KafkaBroker
from shared.testing.outage import PrivatePostgres, private_postgres
from shared.testing.platform import PlatformProcess

SECONDS = float(os.environ.get("TAM_TEST_SOAK", "0"))
# The load is throttled: the check at the end reads everything.
PAUSE_SECONDS = 0.1

pytestmark = [
    pytest.mark.skipif(SECONDS == 0, reason="TAM_TEST_SOAK says for how many seconds"),
    pytest.mark.timeout(SECONDS * 2 + 300),
]


@pytest.fixture
async def server() -> AsyncIterator[PrivatePostgres]:
    async with private_postgres() as made:
        yield made


class Nemesis:
    """Does what happens in a bad week, in minutes."""

    def __init__(self, firm: Installation, server: PrivatePostgres, broker: KafkaBroker | None, seed: int) -> None:
        self._random = random.Random(seed)
        self._processes = [firm.process(), firm.process()]
        self._server = server
        self._broker = broker
        self.done: Counter[str] = Counter()

    @property
    def processes(self) -> list[PlatformProcess]:
        """The processes it torments."""
        return self._processes

    async def strike(self) -> None:
        """One misfortune, whichever; all is up again when it returns."""
        strokes: list[Callable[[], Awaitable[None]]] = [
            self.kill,
            self.kill,
            self.freeze,
            self.restart,
            self.cut,
            self.crash,
        ]
        if self._broker is not None:
            strokes += [self.stall_broker, self.kill_broker]
        stroke = self._random.choice(strokes)
        self.done[stroke.__name__] += 1
        await stroke()

    async def kill(self) -> None:
        """`kill -9` of a process."""
        process = self._random.choice(self._processes)
        process.kill()
        await asyncio.sleep(self._random.random() * 2)
        await process.start()

    async def freeze(self) -> None:
        """SIGSTOP of a process, shorter or longer than its session."""
        process = self._random.choice(self._processes)
        process.signal(signal.SIGSTOP)
        await asyncio.sleep(self._random.choice((0.5, 3, 9)))
        process.signal(signal.SIGCONT)

    async def restart(self) -> None:
        """SIGTERM of a process, and a new one."""
        process = self._random.choice(self._processes)
        assert await process.stop() == 0
        await process.start()

    async def cut(self) -> None:
        """`pg_terminate_backend` of everybody."""
        await self._server.cut_sessions()

    async def crash(self) -> None:
        """PostgreSQL goes and comes again."""
        await self._server.crash()
        await asyncio.sleep(self._random.random() * 4)
        await self._server.start()
        for process in self._processes:
            if not process.is_running:
                await process.start()

    async def stall_broker(self) -> None:
        """The broker answers nothing for a while, with everything that was sent to it in its buffers."""
        assert self._broker is not None
        self._broker.freeze()
        await asyncio.sleep(self._random.choice((2, 12)))
        self._broker.thaw()

    async def kill_broker(self) -> None:
        """`kill -9` of the broker."""
        assert self._broker is not None
        self._broker.kill()
        await asyncio.sleep(self._random.random() * 8)
        await self._broker.start()


async def test_a_bad_week(
    install: Install, server: PrivatePostgres, kafka: str | None, seed: int, request: pytest.FixtureRequest
):
    broker = None if kafka is None else request.getfixturevalue("kafka_broker")
    async with install(server.url) as firm:
        nemesis = Nemesis(firm, server, broker, seed)
        for process in nemesis.processes:
            await process.start()
        async with firm.load(*nemesis.processes, pause_seconds=PAUSE_SECONDS, timeout_seconds=15).running() as load:
            while firm.history.at() < SECONDS:
                await nemesis.strike()
                await load.acknowledged(10, patience_seconds=60)
        drain = await firm.settled(patience_seconds=120)

        verdict = await firm.judged(nemesis.processes[0])

        print(f"{dict(nemesis.done)}; {firm.story()}, drained in {drain:.1f} s")
        assert verdict.problems() == []
