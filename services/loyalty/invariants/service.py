"""Use cases of invariants: check them all, and say what was found."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter

from services.loyalty.invariants import repository
from services.loyalty.invariants.domain import Check
from services.loyalty.invariants.repository import Finding
from shared.clock import Clock
from shared.db.engine import Database

# Checks may take a twentieth of the time: on a large ledger they come round less often.
REST = 20


@dataclass(frozen=True, slots=True)
class Invariants:
    """The checks that the rooms of loyalty have named."""

    db: Database
    clock: Clock
    checks: Sequence[Check]

    async def check(self) -> list[Finding]:
        """Run every check, each in a snapshot of its own, and keep what it found."""
        findings = [await self._check(each) for each in self.checks]
        async with self.db.write() as tx:
            await repository.keep(tx, findings)
        return findings

    async def check_again(self) -> None:
        """Run every check, unless the last time is too near for what it took."""
        before = await self.found()
        took = sum(each.seconds for each in before)
        if before and before[0].checked_at + timedelta(seconds=REST * took) > self.clock.now():
            return
        await self.check()

    async def found(self) -> list[Finding]:
        """What was found last; nothing before the first time."""
        async with self.db.read() as tx:
            return await repository.found(tx)

    async def _check(self, check: Check) -> Finding:
        began = perf_counter()
        violations, examples = await repository.run(self.db, check)
        return Finding(check.name, violations, examples, self.clock.now(), perf_counter() - began)
