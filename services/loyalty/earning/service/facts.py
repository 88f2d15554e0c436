"""The door for facts that come over HTTP instead of the bus."""

from dataclasses import dataclass
from datetime import timedelta

from services.loyalty.audience.domain import KnownTouchpoint
from services.loyalty.earning.errors import FutureFact
from services.loyalty.earning.schemas.explaining import RecordedOut
from services.loyalty.earning.service.earning import Earning
from shared.clock import Clock
from shared.db.engine import Database
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed

CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class FactsDoor:
    """Birthdays and answers, once for each kind and id."""

    db: Database
    clock: Clock
    earning: Earning

    async def record(self, fact: KnownTouchpoint, *, idem: Idempotent | None) -> Answer:
        """Take a fact in; it earns at once what rules give for it.

        Raises:
            FutureFact: it has not happened yet.
        """
        if fact.at > self.clock.now() + CLOCK_TOLERANCE:
            raise FutureFact
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            recorded = await self.earning.record(tx, [fact])
            answer = Answer(200, RecordedOut(recorded=recorded > 0).model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer
