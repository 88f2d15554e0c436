"""The connection dies between any two steps of a use case: nothing of it is there, and the next try does all of it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from loyalty_world import LoyaltyWorld
from sqlalchemy.exc import DBAPIError

from services.loyalty.invariants.service import Invariants
from services.loyalty.points.repository.checks import CHECKS
from services.loyalty.points.service import Credit, HoldRequest, Points, Spend, Target
from services.loyalty.programs.domain.terms import DEFAULT_WALLET
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.outbox import OutboxWriter
from shared.events.envelope import Event, EventData
from shared.identity import members
from shared.ids import user_key, uuid7

pytestmark = pytest.mark.asyncio(loop_scope="module")

Use = Callable[[Points, WriteTx], Awaitable[Any]]
TABLES = ("wallets", "transactions", "lots", "allocations", "sources", "holds", "outbox")


class Cutter:
    """Ends the connection of a transaction before its n-th statement, those that fill the outbox among them.

    Past the last statement it ends it before the commit; and past that, not at all.
    """

    def __init__(self, world: LoyaltyWorld, statement: int) -> None:
        self.world = world
        self.left = statement
        self.has_cut = False
        self.pid = 0
        self.outbox = OutboxWriter()

    async def run(self, use: Use) -> None:
        async with Database(self.world.db.engine, schema="loyalty", outbox=self).write() as tx:
            self.pid = (await tx.execute("SELECT pg_backend_pid()")).scalar_one()
            execute = tx.execute

            async def cut(*arguments: Any) -> Any:
                await self.step()
                return await execute(*arguments)

            tx.execute = cut  # type: ignore[method-assign]
            await use(self.world.service.points, tx)

    async def write(self, tx: ReadTx, events: Sequence[Event[EventData]]) -> None:
        """In place of the outbox: the last thing before the commit."""
        await self.outbox.write(tx, events)
        await self.step()

    def committed(self) -> None:
        """Nobody relays here."""

    async def step(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.has_cut = True
            async with self.world.db.write() as other:
                await other.execute("SELECT pg_terminate_backend(:pid)", {"pid": self.pid})


async def state(world: LoyaltyWorld) -> list[Any]:
    """Every row of the ledger and of the outbox."""
    return [await world.rows(f"SELECT * FROM {table} AS t ORDER BY CAST(t AS text)") for table in TABLES]


async def survives(world: LoyaltyWorld, use: Use) -> None:
    """Cut it before each of its statements, and before its commit; then let it be."""
    before, statement = await state(world), 0
    while True:
        statement += 1
        cutter = Cutter(world, statement)
        try:
            await cutter.run(use)
        except DBAPIError:
            assert cutter.has_cut
            assert await state(world) == before, f"something stayed after a cut at statement {statement}"
        else:
            break
    assert not cutter.has_cut
    assert statement > 4
    assert await state(world) != before
    found = await Invariants(world.db, world.clock, CHECKS).check()
    assert {each.name: each.examples for each in found if each.violations} == {}


async def person(world: LoyaltyWorld, name: str, points: int) -> Any:
    key = user_key(f"{name}-{uuid7()}")
    async with world.db.write() as tx:
        credit = Credit(key, DEFAULT_WALLET, points, "earned", "o-1", world.clock.now())
        await world.service.points.credit(tx, credit)
    return key


async def test_a_spend_over_two_keys(module_world: LoyaltyWorld):
    world = module_world
    an, binh = await person(world, "an", 60), await person(world, "bình", 60)
    await world.merge(an, binh)

    async def spend(ledger: Points, tx: WriteTx) -> None:
        await ledger.spend(tx, Spend(await members.lock(tx, an), DEFAULT_WALLET, 100, f"cut-{an}", "reward"))

    await survives(world, spend)


async def test_taking_back_more_than_there_is(module_world: LoyaltyWorld):
    world, an = module_world, await person(module_world, "an", 60)
    async with world.db.write() as tx:
        await world.service.points.spend(
            tx, Spend(await members.lock(tx, an), DEFAULT_WALLET, 50, f"spent-{an}", "reward")
        )

    async def settle(ledger: Points, tx: WriteTx) -> None:
        await ledger.settle(tx, Target(an, DEFAULT_WALLET, "o-1", 0, world.clock.now()))

    await survives(world, settle)


async def test_a_hold_its_capture_and_what_comes_back(module_world: LoyaltyWorld):
    world, an, hold_id = module_world, await person(module_world, "an", 60), uuid7()
    far = world.clock.now().replace(year=2126)

    async def hold(ledger: Points, tx: WriteTx) -> None:
        await ledger.hold(tx, HoldRequest(hold_id, await members.lock(tx, an), DEFAULT_WALLET, 50, far))

    async def capture(ledger: Points, tx: WriteTx) -> None:
        await ledger.capture(tx, hold_id, 30, f"captured-{an}", "reward")

    async def give_back(ledger: Points, tx: WriteTx) -> None:
        await ledger.give_back(tx, f"captured-{an}", 20, f"back-{an}")

    for step in (hold, capture, give_back):
        await survives(world, step)


async def test_a_transfer_with_a_fee(module_world: LoyaltyWorld):
    world = module_world
    an, binh = await person(world, "an", 60), await person(world, "bình", 10)

    async def transfer(ledger: Points, tx: WriteTx) -> None:
        locked = await members.lock_many(tx, (an, binh))
        await ledger.transfer(tx, uuid7(), locked[an], binh, DEFAULT_WALLET, 40, 4)

    await survives(world, transfer)
