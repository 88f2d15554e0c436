"""What somebody had at a past moment: what was told then, and what late points would have made of it."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

import orjson
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test
from loyalty_world import LoyaltyWorld, open_world
from points_model import ModelWallet
from test_points_histories import KEYS, Histories, keys

from services.loyalty.points.service import HoldRequest, Spend, Target
from services.loyalty.programs.schemas import ProgramIn
from shared.identity import members
from shared.ids import user_key, uuid7
from shared.testing.postgres import fresh_database

SETTINGS = settings(max_examples=12, stateful_step_count=30, phases=(Phase.reuse, Phase.generate))
DAY, TICK = timedelta(days=1), timedelta(microseconds=1)
AN = user_key("an")


@dataclass
class Had:
    """What a key had at a moment: what it could spend (below zero: what it owed), what waited, what was held."""

    spendable: int
    pending: int
    held: int


class Diary(Histories):
    """The same histories, day by day: each key's page of each day is what `as_of` has to say for ever after."""

    late: ClassVar[int] = 0

    @initialize()
    def begin(self) -> None:
        super().begin()
        self.pages: dict[datetime, dict[str, Had]] = {}
        self.note()

    def note(self) -> None:
        """Write down what each key has now, over what stood there of this moment."""
        self.pages[self.model.now] = {key: self._had(key, wallet) for key, wallet in self.model.wallets.items()}

    def _had(self, key: str, wallet: ModelWallet) -> Had:
        held = sum(points for parts in self.model.holds.values() for lot, points in parts if lot.key == key)
        return Had(wallet.available - wallet.debt, wallet.pending, held)

    def agree(self) -> None:
        super().agree()
        self.note()

    @rule(days=st.integers(0, 12), booked=st.booleans())
    def pass_time(self, days: int, booked: bool) -> None:
        """Nobody looks at the ledger between; the diary is written every day."""
        for _ in range(days):
            self.model.pass_time(self.model.now + DAY)
            self.note()
        super().pass_time(days, booked)

    @rule(key=keys, earned=st.integers(1, 200), ago=st.integers(1, 30), begins=st.integers(-1, 9), lasts=st.data())
    def come_late(self, key: str, earned: int, ago: int, begins: int, lasts: st.DataObject) -> None:
        """Points of days ago, begun or not, over or not: all pages since are other than they were."""
        step = next(self.steps)
        now = self.world.clock.time
        at = now - ago * DAY
        begin = at + begins * DAY
        # What is over by now may have repaid debt that was made after its end: that is a case of its own.
        least = 1 if self.model.wallets[key].debt else begins - ago + 1
        ends = now + timedelta(days=lasts.draw(st.integers(max(least, begins - ago + 1), 20)), microseconds=step + 1)
        asked = Target(self.ids[key], "points", f"late-{step}", earned, at, begin, ends)
        self.write(lambda ledger, tx: ledger.settle(tx, asked))
        self.model.settle(key, asked.source, earned, begin, ends)
        type(self).late += 1
        for moment, page in self.pages.items():
            if at <= moment < min(ends, now):
                had = page[key]
                page[key] = (
                    Had(had.spendable, had.pending + earned, had.held)
                    if moment < begin
                    else Had(had.spendable + earned, had.pending, had.held)
                )
        self.agree()

    @rule(data=st.data())
    def look_back(self, data: st.DataObject) -> None:
        moments = data.draw(st.lists(st.sampled_from(sorted(self.pages)), max_size=4, unique=True))
        self.runner.run(self._compare(moments))

    async def _compare(self, moments: list[datetime]) -> None:
        for moment in moments:
            for key in KEYS:
                page = [self.pages[moment][each] for each in self.model.keys(key)]
                found = await self.world.service.accounts.get(self.ids[key], as_of=moment)
                told = next(each.balance for each in found.seen if each.wallet == "points")
                spendable = sum(each.spendable for each in page)
                assert (told.available, told.pending, told.held, told.debt) == (
                    max(0, spendable),
                    sum(each.pending for each in page),
                    sum(each.held for each in page),
                    max(0, -spendable),
                ), (key, moment)
                if not told.debt:
                    assert sum(each.points for each in told.expiring) >= told.available

    def teardown(self) -> None:
        if hasattr(self, "pages"):
            self.runner.run(self._compare(sorted(self.pages)))
        super().teardown()


def test_every_page_of_a_diary_is_what_is_told_of_that_day(pg_url: str):
    with asyncio.Runner() as runner:
        database = fresh_database(pg_url)
        opened = open_world(runner.run(database.__aenter__()))
        world = runner.run(opened.__aenter__())
        try:
            machine = type("Here", (Diary,), {"world": world, "runner": runner})
            run_state_machine_as_test(machine, settings=SETTINGS)
            found = runner.run(world.service.invariants.check())
            assert {each.name: each.examples for each in found if each.violations} == {}
            assert machine.late > 10
        finally:
            runner.run(opened.__aexit__(None, None, None))
            runner.run(database.__aexit__(None, None, None))


async def in_force(world: LoyaltyWorld, **terms: Any) -> None:
    """The wallet `points` with these terms, from now on."""
    body = ProgramIn.model_validate({"zone": "Asia/Ho_Chi_Minh", "wallets": {"points": terms}})
    made = orjson.loads((await world.service.programs.draft(body, by="test", idem=None)).body)
    await world.service.programs.activate(made["version"], None, by="test", idem=None)


async def settled(world: LoyaltyWorld, target: Target) -> None:
    async with world.db.write() as tx:
        await world.service.points.settle(tx, target)


async def had(world: LoyaltyWorld, person: UUID, at: datetime) -> tuple[int, int, int, int]:
    """What can be spent, waits, is held and is owed."""
    found = await world.service.accounts.get(person, as_of=at)
    told = found.seen[0].balance
    return told.available, told.pending, told.held, told.debt


async def test_points_count_until_the_last_moment_of_a_local_day_and_wait_as_long_as_they_had_to(world: LoyaltyWorld):
    """An order of the 1st is heard of on the 22nd: its points waited for 3 days and ended with the 15th."""
    await in_force(world, pending={"mode": "days", "days": 3}, expiry={"mode": "rolling", "days": 14})
    earned = datetime(2026, 11, 23, 3, tzinfo=UTC)
    begins, over = datetime(2026, 11, 25, 17, tzinfo=UTC), datetime(2026, 12, 7, 17, tzinfo=UTC)
    world.clock.time = over + 5 * DAY
    await settled(world, Target(AN, "points", "o-1", 100, earned))
    moments = (earned - TICK, earned, begins - TICK, begins, over - TICK, over)

    assert [await had(world, AN, at) for at in moments] == [
        (0, 0, 0, 0), (0, 100, 0, 0), (0, 100, 0, 0), (100, 0, 0, 0), (100, 0, 0, 0), (0, 0, 0, 0),
    ]  # fmt: skip
    told = (await world.service.accounts.get(AN, as_of=begins)).seen[0].balance.expiring
    assert [tuple(each) for each in told] == [(over, 100)]


async def test_late_points_that_were_over_repay_no_debt_before_it_was_made(world: LoyaltyWorld):
    """On the 20th 60 of a refund could not be taken; on the 25th 100 points of the 1st to the 10th are heard of, and
    the rule lets them repay it. On the 12th there was neither."""
    start = world.clock.time
    await settled(world, Target(AN, "points", "o-1", 60, start))
    async with world.db.write() as tx:
        member = await members.lock(tx, AN)
        await world.service.points.spend(tx, Spend(member, "points", 60, "s-1", "reward"))
    world.clock.forward(days=20)
    await settled(world, Target(AN, "points", "o-1", 0, start))
    world.clock.forward(days=5)
    await settled(world, Target(AN, "points", "o-2", 100, start + DAY, start + DAY, start + 10 * DAY))

    found = [await had(world, AN, start + days * DAY) for days in (0, 1, 9, 10, 12, 19, 20, 24)]
    assert [(spendable, owed) for spendable, _, _, owed in found] == [
        (0, 0), (100, 0), (100, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0),
    ]  # fmt: skip


async def test_late_points_that_had_to_wait_repay_no_debt_before_they_begin(world: LoyaltyWorld):
    start = world.clock.time
    await settled(world, Target(AN, "points", "o-1", 60, start))
    async with world.db.write() as tx:
        member = await members.lock(tx, AN)
        await world.service.points.spend(tx, Spend(member, "points", 60, "s-1", "reward"))
    await settled(world, Target(AN, "points", "o-1", 0, start))
    world.clock.forward(days=9)
    await settled(world, Target(AN, "points", "o-2", 100, start + DAY, start + 5 * DAY, start + 30 * DAY))

    assert [await had(world, AN, start + days * DAY) for days in (0, 1, 4, 5, 9)] == [
        (0, 0, 0, 60), (0, 100, 0, 60), (0, 100, 0, 60), (40, 0, 0, 0), (40, 0, 0, 0),
    ]  # fmt: skip


async def test_what_found_no_room_never_counted(world: LoyaltyWorld):
    await in_force(world, limit={"points": 150})
    world.clock.forward(days=1)
    start = world.clock.time
    await settled(world, Target(AN, "points", "o-1", 100, start))
    world.clock.forward(days=5)
    await settled(world, Target(AN, "points", "o-2", 100, start + DAY))

    assert [(await had(world, AN, start + days * DAY))[0] for days in (0, 1, 4, 5)] == [100, 150, 150, 150]


async def test_held_over_their_end_points_were_held_and_nothing_else_was_less_for_it(world: LoyaltyWorld):
    start = world.clock.time
    await settled(world, Target(AN, "points", "o-1", 100, start, start, start + 10 * DAY))
    await settled(world, Target(AN, "points", "o-2", 70, start, start, start + 90 * DAY))
    world.clock.forward(days=9)
    hold_id = uuid7()
    async with world.db.write() as tx:
        member = await members.lock(tx, AN)
        await world.service.points.hold(tx, HoldRequest(hold_id, member, "points", 100, start + 99 * DAY))
    world.clock.forward(days=3)
    async with world.db.write() as tx:
        assert await world.service.points.release(tx, hold_id)
    world.clock.forward(days=1)

    assert [await had(world, AN, start + days * DAY) for days in (8, 9, 11, 12)] == [
        (170, 0, 0, 0), (70, 0, 100, 0), (70, 0, 100, 0), (70, 0, 0, 0),
    ]  # fmt: skip
    ended = await world.rows("SELECT occurred_at, points FROM transactions WHERE kind = 'expired'")
    assert [tuple(row) for row in ended] == [(start + 12 * DAY, 100)]
