"""Any history of tills, time, merges and refunds: every answer and counter is what a model without counters says."""

import asyncio
from itertools import count
from typing import Any, ClassVar
from uuid import UUID

from checkout_model import CARD, CARD_MINOR, CODES, FIXED, FIXED_USES, POINTS, SHARE, SHARE_BUDGET, TOTAL, Model, Taken
from checkout_world import Till, ask, open_till
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from shared.events.catalogue.touchpoints import OrderCancelled
from shared.ids import user_key

people = st.sampled_from(("an", "bình", "chi"))
codes = st.frozensets(st.sampled_from(CODES), max_size=3)
points = st.sampled_from((0, 0, 0, 5, 10, 777, 1_500))
picks = st.integers(0, 10_000)


class Histories(RuleBasedStateMachine):
    """Three customers, of whom two may turn out to be one; three codes that are scarce, and points."""

    till: ClassVar[Till]
    runner: ClassVar[asyncio.Runner]
    number: ClassVar[Any] = count()
    seen: ClassVar[set[str]] = set()

    @initialize()
    def begin(self) -> None:
        self.model, self.run_, self.steps = Model(), next(self.number), count()
        self.campaigns: dict[str, UUID] = {}
        self.texts: dict[str, str] = {}
        self.runner.run(self._offer())

    async def _offer(self) -> None:
        till = self.till
        self.campaigns[FIXED] = await till.campaign(limits={"max_uses": FIXED_USES}, max_uses_per_customer=1)
        share = {"type": "percentage", "percent": 10}
        self.campaigns[SHARE] = await till.campaign(share, limits={"budget_minor": SHARE_BUDGET})
        for each in (FIXED, SHARE):
            self.texts[each] = await till.code(self.campaigns[each])
        self.campaigns[CARD] = await till.campaign({"type": "stored_value"}, shared=False)
        self.texts[CARD] = await till.secret_code(self.campaigns[CARD], value=CARD_MINOR)
        await till.give_points(self.name("an"), POINTS)

    def name(self, person: str) -> str:
        return f"{person}-{self.run_}"

    def post(self, path: str, body: Any, status: int | None = None) -> Any:
        return self.runner.run(self.till.post(path, body, status))

    def _ask(self, person: str, wanted: frozenset[str], paid: int) -> dict[str, Any]:
        order = f"o-{self.run_}-{next(self.steps)}"
        return ask(self.name(person), *(self.texts[each] for each in sorted(wanted)), order_id=order, points=paid)

    @rule(person=people, wanted=codes, paid=points, holds=st.booleans())
    def take(self, person: str, wanted: frozenset[str], paid: int, holds: bool) -> None:
        expected = self.model.quote(person, wanted, paid)
        answer = self.post("/reservations" if holds else "/redemptions", self._ask(person, wanted, paid))
        if expected is None:
            assert answer["status"] in (409, 422), answer
            self.seen.add("refused")
        else:
            assert "id" in answer, answer
            found = {sorted(wanted)[each["position"] - 1]: each["discount_minor"] for each in answer["vouchers"]}
            assert (found, answer["points"]) == (expected.minors, expected.points)
            expected.state = "held" if holds else "redeemed"
            expected.places = {code: place for place, code in enumerate(sorted(wanted), 1)}
            (self.model.reservations if holds else self.model.redemptions)[answer["id"]] = expected
        self.agree()

    def _picked(self, pick: int) -> tuple[str, Taken]:
        return list(self.model.reservations.items())[pick % len(self.model.reservations)]

    @precondition(lambda self: self.model.reservations)
    @rule(pick=picks, parts=st.booleans(), again=st.booleans())
    def commit(self, pick: int, parts: bool, again: bool) -> None:
        self._commit(*self._picked(pick), parts=parts, again=again)

    @precondition(lambda self: any(each.state == "expired" for each in self.model.reservations.values()))
    @rule(pick=picks, parts=st.booleans())
    def come_back_late(self, pick: int, parts: bool) -> None:
        late = [(key, each) for key, each in self.model.reservations.items() if each.state == "expired"]
        self._commit(*late[pick % len(late)], parts=parts, again=True)

    def _commit(self, reservation: str, held: Taken, *, parts: bool, again: bool) -> None:
        body: dict[str, Any] = {"reacquire": True} if again else {}
        part = {code: max(1, minor // 3) for code, minor in list(held.minors.items())[:1]}
        if parts and part:
            wanted = [{"position": held.places[code], "discount_minor": minor} for code, minor in part.items()]
            body |= {"vouchers": wanted, "points": 0}
        minors, paid = (part, 0) if parts and part else (held.minors, held.points)
        answer = self.post(f"/reservations/{reservation}/commit", body)
        done = self._redeemable(held, minors, paid, again=again)
        assert ("id" in answer) == done, answer
        if done:
            assert sum(each["discount_minor"] for each in answer["vouchers"]) == sum(minors.values())
            held.state = "committed" if held.state == "held" else "reacquired"
            self.seen.add(held.state)
            self.model.redemptions[answer["id"]] = Taken(
                held.person, dict(minors), paid, "redeemed", places=held.places
            )
        self.agree()

    def _redeemable(self, held: Taken, minors: dict[str, int], paid: int, *, again: bool) -> bool:
        if held.state == "held":
            return True
        if held.state != "expired" or not again:
            return False
        quoted = self.model.quote(held.person, frozenset(minors), paid)
        return quoted is not None and all(quoted.minors[code] >= minor for code, minor in minors.items())

    @precondition(lambda self: self.model.reservations)
    @rule(pick=picks)
    def void(self, pick: int) -> None:
        reservation, held = self._picked(pick)
        self.post(f"/reservations/{reservation}/void", {}, 200 if held.state == "held" else 409)
        if held.state == "held":
            held.state = "voided"
        self.agree()

    @precondition(lambda self: self.model.reservations)
    @rule(pick=picks)
    def extend(self, pick: int) -> None:
        reservation, held = self._picked(pick)
        may = held.state == "held" and held.extensions < 3
        self.post(f"/reservations/{reservation}/extend", {}, 200 if may else 409)
        held.extensions += may

    @precondition(lambda self: self.model.live())
    @rule(pick=picks)
    def run_out(self, pick: int) -> None:
        live = [key for key, each in self.model.reservations.items() if each.state == "held"]
        reservation = live[pick % len(live)]
        self.runner.run(self.till.lapse(reservation))
        self.model.reservations[reservation].state = "expired"

    @rule()
    def sweep(self) -> None:
        self.runner.run(self.till.loyalty.checkout.ending.expire_due())
        self.agree()

    @precondition(lambda self: self.model.redemptions)
    @rule(pick=picks, whole=st.booleans(), paid=st.sampled_from((0, 0, 7)))
    def roll_back(self, pick: int, whole: bool, paid: int) -> None:
        redemption, taken = list(self.model.redemptions.items())[pick % len(self.model.redemptions)]
        body: dict[str, Any] = {"reason": "x"}
        rest = {code: taken.left(code) for code in taken.minors if code not in taken.ended}
        possible = bool(rest) or taken.points_back < taken.points
        code = min(rest) if rest else None
        if not whole:
            body["points"] = paid
            possible = (bool(paid) or code is not None) and paid <= taken.points - taken.points_back
            if code is not None:
                body["parts"] = [{"voucher": taken.places[code], "amount_minor": max(1, rest[code] // 2)}]
        answer = self.post(f"/redemptions/{redemption}/rollbacks", body)
        assert ("id" in answer) == possible, answer
        if possible:
            taken_back = rest if whole else {} if code is None else {code: max(1, rest[code] // 2)}
            for each, minor in taken_back.items():
                taken.back[each] = taken.back.get(each, 0) + minor
                if taken.left(each) == 0:
                    taken.ended.add(each)
            taken.points_back = taken.points if whole else taken.points_back + paid
            self.seen.add("rolled back")
        self.agree()

    @precondition(lambda self: self.model.redemptions)
    @rule(pick=picks)
    def cancel(self, pick: int) -> None:
        redemption, taken = list(self.model.redemptions.items())[pick % len(self.model.redemptions)]
        order = self.runner.run(self.till.get(f"/redemptions/{redemption}"))["order_id"]
        self.runner.run(self.till.hear(OrderCancelled(order_id=order, source="web")))
        taken.back, taken.ended, taken.points_back = dict(taken.minors), set(taken.minors), taken.points
        self.agree()

    @rule()
    def merge_or_part(self) -> None:
        one, other = user_key(self.name("bình")), user_key(self.name("chi"))
        self.runner.run((self.till.unmerge if self.model.merged else self.till.merge)(one, other))
        self.model.merged = not self.model.merged

    def agree(self) -> None:
        self.runner.run(self._agree())

    async def _agree(self) -> None:
        """Every counter, every state, every point; holds that have run out are free whether or not they were swept."""
        await self.till.loyalty.checkout.ending.expire_due()
        for code in CODES:
            redeemed, reserved, spent, held = await self.till.counters(self.campaigns[code])
            assert ((redeemed, reserved), (spent, held)) == (self.model.uses(code), self.model.money(code)), code
        assert await self.till.points(self.name("an")) == self.model.points()
        rows = await self.till.rows(
            "SELECT id, state FROM reservations WHERE id = ANY(:ids)", ids=list(map(UUID, self.model.reservations))
        )
        expected = {key: each.state.replace("reacquired", "expired") for key, each in self.model.reservations.items()}
        assert {str(row.id): row.state for row in rows} == expected
        assert await self.till.violations() == {}
        assert all(each.points * 100 <= TOTAL // 2 for each in self.model.redemptions.values())


def every_way(machine: Any) -> None:
    """One history that goes every way there is; the others are drawn."""
    machine.begin()
    machine.take("an", frozenset(CODES), 777, holds=True)
    machine.take("bình", frozenset((FIXED,)), 0, holds=True)
    machine.merge_or_part()
    machine.take("chi", frozenset((FIXED,)), 0, holds=False)
    machine.extend(0)
    machine.commit(0, parts=True, again=False)
    machine.run_out(0)
    machine.come_back_late(0, parts=False)
    machine.roll_back(0, whole=False, paid=0)
    machine.cancel(1)


def test_any_history_is_what_the_model_says(pg_url: str):
    with asyncio.Runner() as runner:
        opened = open_till(pg_url)
        till = runner.run(opened.__aenter__())
        try:
            machine = type("Here", (Histories,), {"till": till, "runner": runner})
            every_way(machine())
            assert Histories.seen == {"refused", "committed", "reacquired", "rolled back"}
            run_state_machine_as_test(machine, settings=settings(max_examples=8, stateful_step_count=20))
        finally:
            runner.run(opened.__aexit__(None, None, None))
