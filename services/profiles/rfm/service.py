"""Use cases of the scale of scores: set it, and take its quintiles anew once a day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from services.profiles.membership import repository as memberships
from services.profiles.membership.service import Membership
from services.profiles.rfm import repository
from services.profiles.rfm.errors import ScaleMoved
from services.profiles.rfm.repository import Standing
from services.profiles.rfm.schemas import ScaleIn, ScaleOut
from services.profiles.segments.domain.rule import Scored
from shared.clock import Clock
from shared.db.engine import Database, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed

EVERY = timedelta(hours=24)
SCHEDULE = "schedule"


@dataclass(frozen=True, slots=True)
class Rfm:
    """The scale that everybody's scores are on."""

    db: Database
    clock: Clock
    membership: Membership

    async def get(self) -> Standing:
        """The scale that holds."""
        async with self.db.read() as tx:
            return await repository.current(tx)

    async def versions(self, *, before: int | None, limit: int) -> Sequence[Standing]:
        """The scales there were, the latest first; one more than `limit` if there are more."""
        async with self.db.read() as tx:
            return await repository.versions(tx, before=before, limit=limit + 1)

    async def put(self, body: ScaleIn, *, by: str, if_match: frozenset[str] | None, idem: Idempotent | None) -> Answer:
        """Set the scale; everybody is asked again for the segments that ask for a score.

        Raises:
            ScaleMoved: it is of none of the versions `if_match` by now.
        """
        now, scale, people = self.clock.now(), body.scale(), None
        if body.basis == "quintiles":
            # Outside the lock, for which everybody waits who looks at somebody: it reads all orders.
            async with self.db.read() as look:
                scale, people = await repository.quintiles(look, body.currency, now)
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await memberships.claim_definitions(tx)
            old = await repository.current(tx)
            if if_match is not None and if_match.isdisjoint((str(old.version), ScaleOut.of(old).tag())):
                raise ScaleMoved(old.version)
            standing = Standing(old.version + 1, body.basis, scale, people, now, by)
            await self._write(tx, old, standing)
            answer = Answer(200, ScaleOut.of(standing).model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer

    async def take_anew(self) -> bool:
        """Take the quintiles again if they are a day old; whether it was time."""
        now = self.clock.now()
        async with self.db.read() as tx:
            old = await repository.current(tx)
            if old.basis != "quintiles" or (old.since is not None and now - old.since < EVERY):
                return False
            # Outside the lock: it reads all orders.
            scale, people = await repository.quintiles(tx, old.scale.currency, now)
        async with self.db.write() as tx:
            await memberships.claim_definitions(tx)
            if await repository.current(tx) == old:
                await self._write(tx, old, Standing(old.version + 1, "quintiles", scale, people, now, SCHEDULE))
        return True

    async def _write(self, tx: WriteTx, old: Standing, standing: Standing) -> None:
        await repository.put(tx, standing)
        if old.scale != standing.scale:
            await self.membership.redefined(tx, lambda leaf: isinstance(leaf, Scored))
