"""What the firm enters itself: when a departure counts, and rates of exchange. Each use case is one transaction."""

from dataclasses import dataclass

from pydantic import BaseModel

from services.metrics.subscriptions.domain.exchange import Rate
from services.metrics.subscriptions.domain.policy import Policy
from services.metrics.subscriptions.errors import BadPolicy, BadRate, NoSuchRate
from services.metrics.subscriptions.repository import own
from services.metrics.subscriptions.repository.own import StoredPolicy
from services.metrics.subscriptions.schemas.own import PoliciesOut, PolicyOut, RateOut, RatesOut
from services.metrics.subscriptions.service.taking import Subscribing
from shared.clock import Clock
from shared.db.engine import Database
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.identity import mapping

# Persons that are counted anew in one transaction: facts wait for so many, not for all.
AT_ONCE = 1_000
# So many transactions in one turn of the background.
MOST_TURNS = 10_000
_GONE = Answer(204, b"")


@dataclass(frozen=True, slots=True)
class Deciding:
    """Takes a firm's decisions."""

    db: Database
    clock: Clock
    subscribing: Subscribing
    at_once: int = AT_ONCE

    async def policies(self) -> PoliciesOut:
        """The policy that figures are of, one that history is being counted by, and those before."""
        async with self.db.read() as tx:
            found, counting = await own.policies(tx), await own.counting(tx)
        return PoliciesOut(
            current=next(
                (PolicyOut.of(each, counting) for each in found if each.policy == counting.whole),
                PolicyOut.of(StoredPolicy(counting.whole, None, is_counted=True), counting),
            ),
            pending=next((PolicyOut.of(each, counting) for each in found if each.policy == counting.pending), None),
            earlier=[
                PolicyOut.of(each, counting) for each in found if each.policy not in (counting.whole, counting.pending)
            ],
        )

    async def decide(self, wanted: Policy, idem: Idempotent | None) -> Answer:
        """Let a policy hold. Few persons are counted by it before this answers, many in the background.

        Until all are, figures are those of the policy before, and say so. A policy that is still pending yields.

        Raises:
            BadPolicy: its parts do not fit together.
        """
        if (wanted.recognition == "after_grace") != bool(wanted.grace_days):
            raise BadPolicy
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await mapping.hold(tx)
            counting = await own.claim(tx)
            (newest, *_) = await own.policies(tx, 1)
            if wanted._replace(version=0) != newest.policy._replace(version=0):
                await own.add_policy(tx, wanted._replace(version=newest.policy.version + 1), self.clock.now())
                await own.forget_reached(tx)
                await self.subscribing.recount(tx, await own.counting(tx), self.at_once)
                counting = await own.counting(tx)
                (newest, *_) = await own.policies(tx, 1)
            answer = _answer(PolicyOut.of(newest, counting))
            await remember(tx, idem, answer)
            return answer

    async def recount(self) -> int:
        """Go on counting history by a policy that is pending; how many transactions that took.

        Each counts some persons, and says how far they reach: whoever goes on begins there, whatever was killed when.
        """
        for turn in range(MOST_TURNS):
            async with self.db.write() as tx:
                if turn == 0 and (await own.counting(tx)).pending is None:
                    return 0
                await mapping.hold(tx)
                if await self.subscribing.recount(tx, await own.claim(tx), self.at_once):
                    return turn + 1
        return MOST_TURNS

    async def rates(self) -> RatesOut:
        """All rates that were entered."""
        async with self.db.read() as tx:
            return RatesOut(items=[RateOut.of(each) for each in await own.rates(tx)])

    async def put_rate(self, rate: Rate, idem: Idempotent | None) -> Answer:
        """Enter a rate from a day on, or replace it; past figures are read by it at once.

        Raises:
            BadRate: it is of a currency into itself.
        """
        if rate.currency == rate.into:
            raise BadRate
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await own.put_rate(tx, rate)
            answer = _answer(RateOut.of(rate))
            await remember(tx, idem, answer)
            return answer

    async def remove_rate(self, currency: str, into: str, day: int, idem: Idempotent | None) -> Answer:
        """Remove a rate.

        Raises:
            NoSuchRate: it is not there.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            if not await own.remove_rate(tx, currency, into, day):
                raise NoSuchRate
            await remember(tx, idem, _GONE)
            return _GONE


def _answer(out: BaseModel) -> Answer:
    return Answer(200, out.model_dump_json().encode())
