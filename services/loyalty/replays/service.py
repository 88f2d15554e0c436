"""Use cases of replays: keep what a comparison found, and say it."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.loyalty.replays import repository
from services.loyalty.replays.repository import Drift
from shared.clock import Clock
from shared.db.engine import Database
from shared.runtime.verdicts import TableVerdict


@dataclass(frozen=True, slots=True)
class Replays:
    """How far what commands have made is what loyalty has told of it."""

    db: Database
    clock: Clock

    async def keep(self, live: Database, verdicts: Sequence[TableVerdict]) -> None:
        """Keep in the live tables what `tam replay loyalty --verify` found."""
        now = self.clock.now()
        found = [Drift(each.table, each.live_rows, each.rebuilt_rows, each.differing, now) for each in verdicts]
        async with live.write() as tx:
            await repository.keep(tx, found)

    async def found(self) -> list[Drift]:
        """What the last comparison found; nothing before the first."""
        async with self.db.read() as tx:
            return await repository.found(tx)
