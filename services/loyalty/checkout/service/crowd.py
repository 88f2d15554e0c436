"""Redemptions of many in one transaction: what each would have got alone, one after the other.

Each is judged by what is left after those before it, and all of it is written at once under the same guards as alone.
Whoever meets somebody else of the batch (the same person, order or request), would have to wait for somebody, or needs
more than a look (a hold that has run out, an answer given before), takes alone.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.loyalty.checkout.domain.effects import Effects, redeeming
from services.loyalty.checkout.domain.redemption import Redemption
from services.loyalty.checkout.domain.reservation import NOTHING
from services.loyalty.checkout.errors import AlreadyUsed, NotApplicable, NothingAsked, OrderCancelled
from services.loyalty.checkout.repository import counters, locks, redemptions
from services.loyalty.checkout.schemas import RedemptionOut
from services.loyalty.checkout.service.asking import Take
from services.loyalty.checkout.service.knowing import Knowing, Knowledge, facts_by_person
from services.loyalty.checkout.service.quoting import Quoting, When, vouchers_of
from services.loyalty.checkout.service.taking import Terms, redemption_of, rejections, skipped_of
from services.loyalty.checkout.service.telling import announce_redeemed
from services.loyalty.promotions.repository import Standing as Beside
from services.loyalty.promotions.service.rooms import Asked as Counted
from services.loyalty.promotions.service.rooms import asked_of
from services.loyalty.vouchers.domain.facts import Facts
from shared.clock import Clock
from shared.db.engine import WriteTx
from shared.delivery.idempotency import Answer, Idempotent
from shared.errors import AppError
from shared.identity.person import Member

Outcome = Answer | AppError | None

# Baskets priced without letting others go on: some milliseconds.
_IN_ONE_GO = 20


@dataclass(slots=True)
class _Batch:
    """What a transaction is about to write."""

    made: list[Redemption] = field(default_factory=list)
    answers: list[tuple[Idempotent, Answer]] = field(default_factory=list)
    effects: Effects = field(default_factory=Effects)


class _Person(NamedTuple):
    """One of the batch: who, what rules ask of them, and which budgets their basket counts in."""

    member: Member
    facts: Facts
    counted: Counted


@dataclass(frozen=True, slots=True)
class Crowd:
    """Redeems for many."""

    clock: Clock
    quoting: Quoting
    knowing: Knowing

    async def redeem(self, tx: WriteTx, takes: Sequence[Take]) -> list[Outcome]:
        """The answer or the refusal of each, in their order; None: nothing was done, it must be done alone.

        Raises:
            LimitReached, AlreadyUsed, OrderCancelled: somebody else was quicker; nothing of it may stand.
        """
        beside = await self.quoting.board.standing(tx)
        requests = [take.idem.key for take in takes if take.idem is not None]
        ours = await locks.take(tx, requests, {take.asked.person for take in takes})
        free = [
            (take, ours.members[take.asked.person])
            for take in takes
            if take.asked.person in ours.members and (take.idem is None or take.idem.key in ours.requests)
        ]
        found = await self._redeem_free(tx, free, beside) if free else {}
        return [found.get(id(take)) for take in takes]

    async def _redeem_free(
        self, tx: WriteTx, free: Sequence[tuple[Take, Member]], beside: Beside
    ) -> dict[int, Outcome]:
        """The same for those whose persons and requests are held, by the identity of their takes."""
        known = await self.knowing.read(
            tx,
            [(take.asked.who, take.asked.codes) for take, _ in free],
            beside=beside,
            requests=[take.idem.key for take, _ in free if take.idem is not None],
            orders={order for take, _ in free if (order := take.asked.basket.order_id) is not None},
        )
        met, now = _Met(known), self.clock.now()
        first = [(take, member, known.slips(take.asked.codes)) for take, member in free if met.is_first(take, member)]
        facts = await facts_by_person(tx, [(member, slips) for _, member, slips in first], None)
        asking = [
            (take, member, facts[member.root], asked_of(vouchers_of(slips), take.asked.basket, member, now))
            for take, member, slips in first
        ]
        await known.read_budgets(tx, [counted for *_, counted in asking])
        batch, outcomes = _Batch(), dict[int, Outcome]()
        for number, (take, member, of, counted) in enumerate(asking, 1):
            outcomes[id(take)] = self._redeem(take, _Person(member, of, counted), known, now, batch)
            if beside.stacking.choice == "best" or number % _IN_ONE_GO == 0:
                # To find the best of a large basket takes a while: others are not kept waiting for all of them.
                await asyncio.sleep(0)
        await _write(tx, batch, known.known.read_at)
        for made in batch.made:
            announce_redeemed(tx, made, now)
        return outcomes

    def _redeem(self, take: Take, person: _Person, known: Knowledge, now: datetime, batch: _Batch) -> Outcome:
        asked = take.asked
        if asked.codes:
            try:
                known.check(asked.who)
            except AppError as refusal:
                return refusal
        slips = known.slips(asked.codes)
        standing = known.standing(slips, person.member, person.counted)
        priced = self.quoting.priced(slips, asked.basket, When(now, asked.mode), person.facts, standing)
        if not priced.is_whole and (asked.mode == "all" or not priced.quote.applied):
            return None if priced.scarce() else NotApplicable(rejections(priced))
        if not priced.quote.applied:
            return NothingAsked()
        terms = Terms(priced, priced.holds(asked.person), NOTHING)
        made = redemption_of(asked, terms, take.by, known.known.read_at)
        answer = Answer(201, RedemptionOut.of(made, skipped_of(priced)).model_dump_json().encode())
        known.take(terms.holds)
        batch.made.append(made)
        for hold in terms.holds:
            batch.effects.add(hold.campaign_id, hold.voucher_id, asked.person, redeeming(hold.minor), hold.charges)
        if take.idem is not None:
            batch.answers.append((take.idem, answer))
        return answer


@dataclass(slots=True)
class _Met:
    """Whom the batch has met so far."""

    known: Knowledge
    persons: set[UUID] = field(default_factory=set)
    requests: set[str] = field(default_factory=set)
    orders: set[str] = field(default_factory=set)

    def is_first(self, take: Take, member: Member) -> bool:
        """Whether nobody before was of the same person, order or request, in this batch or ever."""
        request = None if take.idem is None else take.idem.key
        order = take.asked.basket.order_id
        if (
            member.root in self.persons
            or request in self.requests
            or order in self.orders
            or request in self.known.known.answered
            or order in self.known.known.settled
        ):
            return False
        self.persons.add(member.root)
        if request is not None:
            self.requests.add(request)
        if order is not None:
            self.orders.add(order)
        return True


async def _write(tx: WriteTx, batch: _Batch, at: datetime) -> None:
    if not batch.made:
        return
    written = await redemptions.add(tx, batch.made, batch.answers, at=at)
    if written.is_cancelled:
        raise OrderCancelled
    if written.vouchers < sum(len(each.vouchers) for each in batch.made):
        raise AlreadyUsed(())
    # Last: these rows all want.
    await counters.apply(tx, batch.effects)
