"""The door for facts that come over HTTP instead of the bus."""

from dataclasses import dataclass

from services.loyalty.audience.domain import KnownTouchpoint
from services.loyalty.earning.schemas.explaining import RecordedOut
from services.loyalty.earning.service.earning import Earning
from shared.db.engine import Database
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed


@dataclass(frozen=True, slots=True)
class FactsDoor:
    """Birthdays and answers, once for each kind and id."""

    db: Database
    earning: Earning

    async def record(self, fact: KnownTouchpoint, *, idem: Idempotent | None) -> Answer:
        """Take a fact in; it earns at once what rules give for it."""
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            recorded = await self.earning.record(tx, [fact])
            answer = Answer(200, RecordedOut(recorded=recorded > 0).model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer
