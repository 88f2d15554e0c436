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

_GONE = Answer(204, b"")


@dataclass(frozen=True, slots=True)
class Deciding:
    """Takes a firm's decisions."""

    db: Database
    clock: Clock
    subscribing: Subscribing

    async def policies(self) -> PoliciesOut:
        """The policy that holds, and those before it."""
        async with self.db.read() as tx:
            found = await own.policies(tx)
        return PoliciesOut(current=PolicyOut.of(found[0]), earlier=[PolicyOut.of(each) for each in found[1:]])

    async def decide(self, wanted: Policy, idem: Idempotent | None) -> Answer:
        """Let a policy hold, and count all history by it before anybody sees a figure of it.

        Raises:
            BadPolicy: its parts do not fit together.
        """
        if (wanted.recognition == "after_grace") != bool(wanted.grace_days):
            raise BadPolicy
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await mapping.hold(tx)
            before = await own.claim_policy(tx)
            new = wanted._replace(version=before.policy.version + 1)
            if wanted._replace(version=0) == before.policy._replace(version=0):
                answer = _answer(PolicyOut.of(before))
            else:
                at = self.clock.now()
                await own.add_policy(tx, new, at)
                await self.subscribing.recount(tx, new)
                answer = _answer(PolicyOut.of(StoredPolicy(new, at)))
            await remember(tx, idem, answer)
            return answer

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
