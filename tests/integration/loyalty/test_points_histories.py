"""Whatever happens, in whatever order: the ledger has what a plain model says, and all that must hold holds."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import count
from typing import Any, ClassVar
from uuid import UUID

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from loyalty_world import LoyaltyWorld, open_world
from points_model import Model, ModelWallet
from replay_world import differences, rebuilt

from services.loyalty.points.errors import HoldEnded, NotEnoughPoints
from services.loyalty.points.service import HoldRequest, Points, Spend, Target
from shared.db.engine import WriteTx
from shared.events.catalogue.loyalty import PointsEarned, PointsExpired, PointsMoved, PointsReversed, PointsSpent
from shared.events.catalogue.loyalty_rows import HoldChanged
from shared.identity import members
from shared.ids import user_key, uuid7
from shared.testing.postgres import fresh_database

# A history that fails is readable as it is; to shrink it takes minutes.
SETTINGS = settings(max_examples=12, stateful_step_count=40, phases=(Phase.reuse, Phase.generate))
KEYS = ("an", "bình", "chi")
FAR = timedelta(days=36_500)
TRANSACTIONS = (PointsEarned, PointsSpent, PointsExpired, PointsReversed, PointsMoved)

keys = st.sampled_from(KEYS)
points = st.integers(1, 120)


class Histories(RuleBasedStateMachine):
    """A person, or two or three, with points that come, go, come back and end."""

    world: ClassVar[LoyaltyWorld]
    runner: ClassVar[asyncio.Runner]
    number: ClassVar[Any] = count()

    @initialize()
    def begin(self) -> None:
        run = next(self.number)
        self.ids = {key: user_key(f"{key}-{run}") for key in KEYS}
        self.model = Model(self.world.clock.time, {key: ModelWallet() for key in KEYS}, {key: key for key in KEYS})
        self.merged: list[tuple[str, str]] = []
        self.hold_ids: dict[int, UUID] = {}
        self.steps = count()
        self.run_ = run

    def write(self, use: Callable[[Points, WriteTx], Awaitable[Any]]) -> Any:
        async def once() -> Any:
            async with self.world.db.write() as tx:
                return await use(self.world.service.points, tx)

        return self.runner.run(once())

    @rule(
        key=keys,
        source=st.integers(0, 3),
        earned=st.integers(0, 200),
        begins=st.integers(-2, 5),
        lasts=st.integers(-1, 30),
    )
    def settle(self, key: str, source: int, earned: int, begins: int, lasts: int) -> None:
        step = next(self.steps)
        begin = self.world.clock.time + timedelta(days=begins)
        ends = self.world.clock.time + timedelta(days=lasts, microseconds=step + 1)
        if ends <= begin:
            begin = ends - timedelta(days=1)
        asked = Target(self.ids[key], "points", f"o-{source}", earned, self.world.clock.time, begin, ends)
        self.write(lambda ledger, tx: ledger.settle(tx, asked))
        self.model.settle(key, asked.source, earned, begin, ends)
        self.agree()

    @rule(key=keys, amount=points)
    def spend(self, key: str, amount: int) -> None:
        step = next(self.steps)

        async def use(ledger: Points, tx: WriteTx) -> None:
            member = await members.lock(tx, self.ids[key])
            await ledger.spend(tx, Spend(member, "points", amount, f"{self.run_}:{step}", "reward"))

        if self.model.spendable(key) >= amount:
            self.write(use)
            self.write(use)
            self.model.spends[step] = self.model.draw(key, amount)
        else:
            with pytest.raises(NotEnoughPoints) as refused:
                self.write(use)
            assert refused.value.data["available"] == max(0, self.model.spendable(key))
        self.agree()

    @precondition(lambda self: self.model.spends)
    @rule(data=st.data(), amount=points)
    def give_back(self, data: st.DataObject, amount: int) -> None:
        spend, step = data.draw(st.sampled_from(sorted(self.model.spends))), next(self.steps)

        async def use(ledger: Points, tx: WriteTx) -> Any:
            return await ledger.give_back(tx, f"{self.run_}:{spend}", amount, f"{self.run_}:back:{step}")

        back = self.model.give_back(spend, amount)
        posted = self.write(use)
        assert (posted.points if posted else 0) == back
        assert self.write(use) is None
        self.agree()

    @rule(key=keys, amount=points)
    def hold(self, key: str, amount: int) -> None:
        if self.model.spendable(key) < amount:
            return
        step, hold_id = next(self.steps), uuid7()

        async def use(ledger: Points, tx: WriteTx) -> None:
            member = await members.lock(tx, self.ids[key])
            await ledger.hold(tx, HoldRequest(hold_id, member, "points", amount, self.world.clock.time + FAR))

        self.write(use)
        self.hold_ids[step] = hold_id
        self.model.holds[step] = self.model.draw(key, amount)
        self.agree()

    @precondition(lambda self: self.model.holds)
    @rule(data=st.data(), share=st.integers(0, 120))
    def end_hold(self, data: st.DataObject, share: int) -> None:
        hold, step = data.draw(st.sampled_from(sorted(self.model.holds))), next(self.steps)
        hold_id, amount = self.hold_ids[hold], sum(part for _, part in self.model.holds[hold])
        if share:
            spent = min(share, amount)
            self.write(lambda ledger, tx: ledger.capture(tx, hold_id, spent, f"{self.run_}:{step}", "reward"))
            self.model.capture(hold, step, spent)
        else:
            assert self.write(lambda ledger, tx: ledger.release(tx, hold_id))
            self.model.release(hold)
        assert not self.write(lambda ledger, tx: ledger.release(tx, hold_id))
        with pytest.raises(HoldEnded):
            self.write(lambda ledger, tx: ledger.capture(tx, hold_id, 1, "again", "reward"))
        self.agree()

    @rule(days=st.integers(0, 12), booked=st.booleans())
    def pass_time(self, days: int, booked: bool) -> None:
        self.world.clock.forward(days=days)
        if booked:
            self.runner.run(self.world.service.points_upkeep.run())
        self.model.pass_time(self.world.clock.time)
        self.agree()

    @rule(one=keys, other=keys)
    def merge(self, one: str, other: str) -> None:
        if self.model.person[one] == self.model.person[other] or self.model.person[one] != one:
            return
        self.runner.run(self.world.merge(self.ids[one], self.ids[other]))
        self.merged.append((one, other))
        mine = self.model.keys(one)
        self.model.person.update(dict.fromkeys(mine, self.model.person[other]))
        self.agree()

    @precondition(lambda self: self.merged)
    @rule()
    def unmerge(self) -> None:
        one, other = self.merged.pop()
        self.runner.run(self.world.unmerge(self.ids[one], self.ids[other]))
        self.model.person = {key: key for key in KEYS}
        for child, parent in self.merged:
            for key in self.model.keys(child):
                self.model.person[key] = self.model.person[parent]
        self.agree()

    def agree(self) -> None:
        """What each person is told, whether or not it was booked yet."""
        self.runner.run(self._agree())

    async def _agree(self) -> None:
        async with self.world.db.read() as tx:
            for key in KEYS:
                member = await members.find(tx, self.ids[key])
                assert set(member.keys) == {self.ids[each] for each in self.model.keys(key)}
                told = await self.world.service.points.balance(tx, member, "points")
                spendable = self.model.spendable(key)
                assert told[:4] == (
                    max(0, spendable),
                    self.model.pending(key),
                    self.model.held(key),
                    max(0, -spendable),
                )

    def teardown(self) -> None:
        if hasattr(self, "ids"):
            self.runner.run(self._end())

    async def _end(self) -> None:
        await self.world.service.points_upkeep.run()
        for key in KEYS:
            wallet = self.model.wallets[key]
            booked = await self.world.rows(
                "SELECT available, pending, debt FROM wallets WHERE person_id = :key", key=self.ids[key]
            )
            if booked:
                assert tuple(booked[0]) == (wallet.available, wallet.pending, wallet.debt)
            ends = await self.world.rows(
                "SELECT l.expires_at, l.remaining FROM lots AS l JOIN wallets AS w ON w.id = l.wallet_id "
                "WHERE w.person_id = :key AND l.remaining > 0 ORDER BY 1",
                key=self.ids[key],
            )
            assert [tuple(row) for row in ends] == sorted((lot.ends, lot.left) for lot in wallet.lots if lot.left)


async def told_in_order(world: LoyaltyWorld) -> None:
    """Each transaction was announced once, in the order of its wallet, and the last says what the wallet has; and so it
    is with holds."""
    last: dict[tuple[UUID, str], Any] = {}
    for event in await world.announced(*TRANSACTIONS):
        where = event.subject, event.data.wallet
        assert event.data.version == (last[where].version + 1 if where in last else 1)
        last[where] = event.data
    rows = await world.rows("SELECT person_id, name, version, available, pending, held, debt FROM wallets")
    assert {(row.person_id, row.name): tuple(row)[2:] for row in rows} == {
        where: (said.version, said.available, said.pending, said.held, said.debt) for where, said in last.items()
    }
    holds: dict[UUID, HoldChanged] = {}
    for event in await world.announced(HoldChanged):
        before = holds.get(event.data.hold_id)
        assert event.data.version == (before.version + 1 if before else 1)
        holds[event.data.hold_id] = event.data
    rows = await world.rows("SELECT id, state, points, captured, expires_at FROM holds")
    assert {row.id: tuple(row)[1:] for row in rows} == {
        id_: (said.state, said.points, said.captured, said.expires_at) for id_, said in holds.items()
    }


def test_any_history_is_what_the_model_says(pg_url: str):
    with asyncio.Runner() as runner:
        database = fresh_database(pg_url)
        opened = open_world(runner.run(database.__aenter__()))
        world = runner.run(opened.__aenter__())
        try:
            machine = type("Here", (Histories,), {"world": world, "runner": runner})
            run_state_machine_as_test(machine, settings=SETTINGS)
            found = runner.run(world.service.invariants.check())
            assert {each.name: each.examples for each in found if each.violations} == {}
            runner.run(told_in_order(world))
            assert differences(runner.run(rebuilt(world, pg_url))) == {}
            assert runner.run(world.value("SELECT count(*) FROM transactions")) > 50
        finally:
            runner.run(opened.__aexit__(None, None, None))
            runner.run(database.__aexit__(None, None, None))
