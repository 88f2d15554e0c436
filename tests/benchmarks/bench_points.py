"""Points earned and spent a second by one worker. About half a minute.

On a PostgreSQL that syncs each commit, worker and server on the same cores. Against the way it is usually done, with
one account row per customer and a single-sided ledger, no lots and no events: `SELECT … FOR UPDATE`, look, `UPDATE`,
`INSERT`, commit. Ours writes double entry with lots, allocations, a hash chain and an event for each.

Afterwards all invariants are checked, and what is left is what came in less what was spent.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from time import monotonic, process_time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from stand import cpu_seconds, descendants, store

from services.loyalty.app import service as manifest
from services.loyalty.invariants.service import Invariants
from services.loyalty.points.repository.checks import CHECKS
from services.loyalty.points.service import Spend, Target
from services.loyalty.service import LoyaltyService
from services.loyalty.settings import LoyaltySettings
from shared.clock import SystemClock
from shared.db.cluster import running
from shared.db.embedded import EmbeddedServer
from shared.db.engine import Database, make_engine
from shared.db.migrate import upgrade
from shared.delivery.outbox import OutboxWriter
from shared.identity import members
from shared.ids import user_key, uuid7
from shared.runtime.trees import trees_of
from shared.testing.postgres import scratch_folder

BATCH = 2_000
PEOPLE = 4_000
POINTS = 100
SECONDS = 5.0
CLIENTS = 8
NAIVE = """
    CREATE TABLE naive_accounts (person_id uuid PRIMARY KEY, available bigint NOT NULL);
    CREATE TABLE naive_ledger (id uuid PRIMARY KEY, person_id uuid NOT NULL, points bigint NOT NULL, at timestamptz);
"""
Work = Callable[[int], Awaitable[None]]


class Firm:
    """Loyalty at one database, and the naive ledger beside it."""

    def __init__(self, url: str, postgres: int) -> None:
        self.postgres = postgres
        self.db = Database(
            make_engine(url, schema="loyalty", pool_size=2 * CLIENTS), schema="loyalty", outbox=OutboxWriter()
        )
        self.loyalty = LoyaltyService(self.db, SystemClock(), ZoneInfo("Asia/Ho_Chi_Minh"), LoyaltySettings())
        self.people = [user_key(f"u-{number}") for number in range(PEOPLE)]

    async def prepare(self) -> None:
        """Schemas, and points for everybody on both sides."""
        await upgrade(self.db.engine, trees_of([manifest]))
        async with self.db.write() as tx:
            for statement in filter(str.strip, NAIVE.split(";")):
                await tx.execute(statement)
            await tx.execute(
                "INSERT INTO naive_accounts SELECT unnest(CAST(:people AS uuid[])), 1000000", {"people": self.people}
            )

    def person(self, number: int) -> UUID:
        return self.people[number * 7_919 % PEOPLE]

    async def earn(self, number: int) -> None:
        """A batch of orders, each of its own source."""
        now = datetime.now(UTC)
        targets = [
            Target(self.person(each), "points", f"order:{each}", POINTS, now)
            for each in range(number * BATCH, (number + 1) * BATCH)
        ]
        async with self.db.write() as tx:
            await self.loyalty.points.settle_many(tx, targets)

    async def spend(self, number: int) -> None:
        """One purchase."""
        async with self.db.write() as tx:
            member = await members.lock(tx, self.person(number))
            await self.loyalty.points.spend(tx, Spend(member, "points", 3, f"spend:{number}", "reward"))

    async def spend_naively(self, number: int) -> None:
        """One purchase, as it is usually done."""
        person = self.person(number)
        async with self.db.write() as tx:
            found = await tx.execute(
                "SELECT available FROM naive_accounts WHERE person_id = :person FOR UPDATE", {"person": person}
            )
            if found.scalar_one() < 3:
                raise ArithmeticError
            await tx.execute(
                "UPDATE naive_accounts SET available = available - 3 WHERE person_id = :person", {"person": person}
            )
            await tx.execute(
                "INSERT INTO naive_ledger VALUES (:id, :person, -3, now())", {"id": uuid7(), "person": person}
            )

    async def measured(self, work: Work, *, clients: int, each: int = 1) -> dict[str, float]:
        """How many a second, and what one costs us and PostgreSQL."""
        numbers = iter(range(10**9))
        done = 0
        end = monotonic() + SECONDS
        began, ours, theirs = monotonic(), process_time(), cpu_seconds(descendants(self.postgres))

        async def client() -> None:
            nonlocal done
            while monotonic() < end:
                await work(next(numbers))
                done += each

        await asyncio.gather(*(client() for _ in range(clients)))
        seconds = monotonic() - began
        return {
            "number": done,
            "per_second": round(done / seconds),
            "our_cpu_us_each": round((process_time() - ours) / done * 1e6, 1),
            "postgres_cpu_us_each": round((cpu_seconds(descendants(self.postgres)) - theirs) / done * 1e6, 1),
        }

    async def recount(self, earned: float, spent: float) -> None:
        """All that must hold holds, and no point came or went."""
        findings = await Invariants(self.db, SystemClock(), CHECKS).check()
        assert not any(each.violations for each in findings), findings
        async with self.db.read() as tx:
            left = (await tx.execute("SELECT sum(available) FROM wallets")).scalar_one()
        assert left == earned * POINTS - spent * 3, (left, earned, spent)


async def measure(url: str, postgres: int) -> dict[str, Any]:
    """Earning in batches, then spending one by one, beside the naive ledger."""
    firm = Firm(url, postgres)
    await firm.prepare()
    earned: dict[str, Any] = await firm.measured(firm.earn, clients=1, each=BATCH)
    figures: dict[str, Any] = {"earn_in_batches": earned}
    spent = 0.0
    for clients in (1, CLIENTS):
        naive = await firm.measured(firm.spend_naively, clients=clients)
        base = int(spent)
        ours = await firm.measured(lambda number, base=base: firm.spend(base + number), clients=clients)  # type: ignore[misc]
        spent += ours["number"]
        figures[f"spend_{clients}_clients"] = {
            "naive": naive,
            "ours": ours,
            "ratio": round(ours["per_second"] / naive["per_second"], 2),
        }
    await firm.recount(earned["number"], spent)
    await firm.db.dispose()
    return figures


async def main() -> None:
    """Measure on a server of our own."""
    with scratch_folder() as folder:
        server = EmbeddedServer(folder)
        url = await server.start()
        try:
            found = running((folder / "pg").resolve() / "data")
            assert found is not None
            figures = await measure(url, found[0])
        finally:
            await server.stop()
    print(figures, file=sys.stderr)
    store("points", figures)


if __name__ == "__main__":
    asyncio.run(main())
