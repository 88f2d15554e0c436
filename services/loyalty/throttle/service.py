"""The guard at the door of codes: lets in who has failures left, counts new ones, and answers at an even pace."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic

from prometheus_client import Counter

from services.loyalty.throttle import repository as rows
from services.loyalty.throttle.domain import Who, limits_of
from services.loyalty.throttle.errors import Throttled
from services.loyalty.throttle.repository import Bucket
from services.loyalty.vouchers.domain.keys import Peppers
from services.loyalty.vouchers.service.vault import Vault
from shared.db.engine import Database, ReadTx
from shared.observability.logging import logger
from shared.observability.metrics import REGISTRY

log = logger(__name__)

# A failure is answered this long after it was asked, or twice this, …: how long the look-up took shows nowhere.
PACE_SECONDS = 0.05

FAILURES = Counter("tam_loyalty_code_failures", "Codes that were tried and failed.", registry=REGISTRY)
THROTTLED = Counter("tam_loyalty_codes_throttled", "Tries of codes that were turned away.", registry=REGISTRY)


@dataclass(slots=True)
class Watch:
    """What came of a try: how many of its codes failed."""

    failures: int = 0


@dataclass(frozen=True, slots=True)
class Guard:
    """Watches tries of codes. `per_key` is how many failures a key may have in a minute."""

    db: Database
    vault: Vault
    per_key: int

    @asynccontextmanager
    async def watch(self, who: Who, *, is_paced: bool = False) -> AsyncIterator[Watch]:
        """Let somebody try codes; the block says in `failures` how many failed, and they are counted when it ends.

        With `is_paced` (callers who must not learn why) a try that failed is answered at an even pace, also when the
        block raises.

        Raises:
            Throttled: they have failed too often; the block is not entered.
        """
        started = monotonic()
        await self.check(who)
        watch = Watch()
        try:
            yield watch
        finally:
            if watch.failures:
                await self.failed(who, watch.failures)
                if is_paced:
                    await asyncio.sleep(_rest(monotonic() - started))

    async def check(self, who: Who) -> None:
        """Let somebody pass who has failures left.

        Raises:
            Throttled: they have not.
        """
        async with self.db.read() as tx:
            await self.check_within(tx, who)

    async def check_within(self, tx: ReadTx, who: Who) -> None:
        """The same, in the transaction of whoever is about to look codes up.

        Raises:
            Throttled: they have failed too often.
        """
        check_wait(await rows.wait_seconds(tx, self.buckets(await self.vault.peppers(tx), who)))

    async def failed(self, who: Who, failures: int = 1) -> None:
        """Count failures, in a transaction of their own: a refusal that rolls back its own is still one."""
        FAILURES.inc(failures)
        async with self.db.write() as tx:
            buckets = self.buckets(await self.vault.peppers(tx), who)
            await rows.take(tx, buckets, failures)
            wait = await rows.wait_seconds(tx, buckets)
        if wait > 0:
            # Whose codes these are, or which, is not in the log.
            log.warning("code_probe_detected", key=who.key_id, seconds=math.ceil(wait))

    async def forget_old(self) -> None:
        """Forget who has not failed for long."""
        async with self.db.write() as tx:
            await rows.forget_full(tx)

    def buckets(self, peppers: Peppers, who: Who) -> list[Bucket]:
        """What failures of somebody are counted in."""
        found = []
        for limit, by in limits_of(who, self.per_key):
            # An address is personal data: kept as a keyed hash, and that for a day.
            name = peppers.fingerprint(f"throttle {limit.scope} {by}").hex()
            found.append(Bucket(f"{limit.scope}/{limit.seconds:.0f}/{name}", float(limit.tokens), limit.rate))
        return found


def check_wait(seconds: float) -> None:
    """Let somebody pass who need not wait.

    Raises:
        Throttled: they must.
    """
    if seconds > 0:
        THROTTLED.inc()
        raise Throttled(max(1, math.ceil(seconds)))


def _rest(elapsed: float) -> float:
    """How long until the next beat of the pace."""
    return math.ceil(elapsed / PACE_SECONDS) * PACE_SECONDS - elapsed
