"""Claims on one item wait together: while one statement is at work the next batch is collected.

A claim that comes alone is sent at once; a crowd is decided a batch at a time, in the order it came. Nothing is decided
here: the statement in the database is exact, whoever else claims from other processes.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from uuid import UUID

from services.loyalty.flash.domain.sale import Answered, Decision, Want
from services.loyalty.flash.errors import ClaimKeyReused, ClaimUnsure, SoldOut, TooManyWaiting
from shared.observability.logging import logger

log = logger(__name__)

MAX_BATCH = 250
# Of one process, for all items: they share a pool of connections with everything else. Of one item there is one at a
# time: two would race for its row, and who came later might be served first.
MAX_STATEMENTS = 4
MAX_WAITING = 20_000
# A statement that takes longer is given up: its claims may have been granted or not.
PATIENCE_SECONDS = 10.0
# How long it is remembered that nothing is left. A release or added units are seen that soon.
SOLD_OUT_SECONDS = 0.2
# Of items with more claims than this "sold out" is always asked anew: it would take too much memory to know them all.
MAX_REMEMBERED_CLAIMS = 200_000
LOAD_CLAIMS = 5_000
MAX_LANES = 1_000

Decide = Callable[[UUID, Sequence[Want]], Awaitable[Decision]]
# The ids of the claims on an item with numbers above the first up to the second.
ClaimIds = Callable[[UUID, int, int], Awaitable[Sequence[UUID]]]


@dataclass(slots=True)
class _Waiting:
    want: Want
    futures: list[asyncio.Future[Answered]]


class Lane:
    """The claims of this process on one item."""

    def __init__(self, item: UUID, decide: Decide, claim_ids: ClaimIds, statements: asyncio.Semaphore) -> None:
        self.item = item
        self._decide = decide
        self._statements = statements
        self._queue: deque[_Waiting] = deque()
        self._open: dict[UUID, _Waiting] = {}
        self._running: asyncio.Task[None] | None = None
        self._sold_out = _SoldOut(item, claim_ids)

    @property
    def is_idle(self) -> bool:
        """Whether it may be forgotten."""
        return not self._open

    def claim(self, want: Want) -> asyncio.Future[Answered]:
        """Have a claim decided.

        Raises:
            SoldOut: nothing was left a moment ago, and this claim was not granted before.
            ClaimKeyReused: a claim under the same key, with another person or quantity, is being decided.
            TooManyWaiting: the queue is full.
        """
        if self._sold_out.holds_for(want.id):
            raise SoldOut
        future: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        twin = self._open.get(want.id)
        if twin is not None:
            if twin.want != want:
                raise ClaimKeyReused
            twin.futures.append(future)
            return future
        if len(self._queue) >= MAX_WAITING:
            raise TooManyWaiting
        waiting = self._open[want.id] = _Waiting(want, [future])
        self._queue.append(waiting)
        self._work()
        return future

    def forget(self) -> None:
        """Units came back or were added: ask again."""
        self._sold_out.forget()

    def _work(self) -> None:
        if self._running is None:
            self._running = asyncio.create_task(self._run(), name="flash claims")

    async def _run(self) -> None:
        try:
            while self._queue:
                async with self._statements:
                    if batch := self._take():
                        await self._settle(batch)
        finally:
            self._running = None
            while self._queue:
                self._close(self._queue.popleft(), None)

    def _take(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        while self._queue and len(batch) < MAX_BATCH:
            waiting = self._queue.popleft()
            if all(future.done() for future in waiting.futures):
                # Whoever asked has gone.
                del self._open[waiting.want.id]
                continue
            batch.append(waiting)
        return batch

    async def _settle(self, batch: Sequence[_Waiting]) -> None:
        started = monotonic()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                decision = await self._decide(self.item, [waiting.want for waiting in batch])
        except BaseException as error:
            log.warning("flash_claims_unsure", item=str(self.item), claims=len(batch), error=type(error).__name__)
            for waiting in batch:
                self._close(waiting, None)
            if not isinstance(error, Exception):
                raise
            return
        for place, waiting in enumerate(batch):
            self._close(waiting, Answered(decision, place))
        self._sold_out.learn(decision, at=started)

    def _close(self, waiting: _Waiting, answered: Answered | None) -> None:
        del self._open[waiting.want.id]
        for future in waiting.futures:
            if future.done():
                continue
            if answered is None:
                future.set_exception(ClaimUnsure())
            else:
                future.set_result(answered)


class _SoldOut:
    """That nothing of an item is left, for a short time; and who has a claim on it, for they may ask again."""

    def __init__(self, item: UUID, claim_ids: ClaimIds) -> None:
        self._item = item
        self._claim_ids = claim_ids
        self._until = 0.0
        self._claims: set[int] = set()
        self._upto = 0
        self._loading: asyncio.Task[None] | None = None

    def holds_for(self, claim: UUID) -> bool:
        return monotonic() < self._until and _short(claim) not in self._claims

    def forget(self) -> None:
        self._until = 0.0

    def learn(self, decision: Decision, *, at: float) -> None:
        """Take in what a statement that was sent at `at` (monotonic) found."""
        if decision.remaining > 0 or decision.status != "open" or decision.last_number > MAX_REMEMBERED_CLAIMS:
            self._until = 0.0
        elif decision.last_number <= self._upto:
            self._until = at + SOLD_OUT_SECONDS
        elif self._loading is None:
            self._loading = asyncio.create_task(self._load(decision.last_number), name="flash claims known")

    async def _load(self, upto: int) -> None:
        try:
            while self._upto < upto:
                until = min(upto, self._upto + LOAD_CLAIMS)
                self._claims.update(map(_short, await self._claim_ids(self._item, self._upto, until)))
                self._upto = until
        except Exception as error:  # noqa: BLE001 - then every claim is asked, as before
            log.warning("flash_claims_not_loaded", item=str(self._item), error=type(error).__name__)
        finally:
            self._loading = None


def _short(claim: UUID) -> int:
    """Eight bytes of an id: two that are the same only cost a look."""
    return int.from_bytes(claim.bytes[8:], "big")


@dataclass(slots=True)
class Lanes:
    """The lanes of this process."""

    _lanes: dict[UUID, Lane] = field(default_factory=dict)
    _statements: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_STATEMENTS))

    def lane(self, item: UUID, decide: Decide, claim_ids: ClaimIds) -> Lane:
        """The lane of an item, made if need be."""
        lane = self._lanes.get(item)
        if lane is None:
            if len(self._lanes) >= MAX_LANES:
                for idle in [key for key, each in self._lanes.items() if each.is_idle]:
                    del self._lanes[idle]
            lane = self._lanes[item] = Lane(item, decide, claim_ids, self._statements)
        return lane

    def forget(self, item: UUID) -> None:
        """Units of an item came back or were added."""
        if (lane := self._lanes.get(item)) is not None:
            lane.forget()
