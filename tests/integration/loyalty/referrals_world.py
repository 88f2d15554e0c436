"""What the tests of referrals play with: people who bring each other, and what everybody has by it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import orjson
from earning_world import EarningWorld, cancelled, placed, refunded
from loyalty_world import LoyaltyWorld

from services.loyalty.referrals.repository.referrals import CHECKS
from services.loyalty.referrals.schemas import CodeIn, DecisionIn, ProgramIn, ReferralIn, ReferralOut
from shared.errors import AppError
from shared.events.catalogue.loyalty import ReferralCompleted
from shared.ids import user_key

FIRST_ORDER = {
    "name": "first_order",
    "event": "order",
    "min_minor": 200_000,
    "currency": "VND",
    "advocate": {"points": 100},
    "friend": {"points": 50},
}
_NUMBERS = count(1)


@dataclass
class Friends:
    """One programme, and people of its own."""

    world: LoyaltyWorld
    program: UUID
    mark: int = field(default_factory=lambda: next(_NUMBERS))

    def user(self, name: str) -> str:
        """The user id of somebody of this test alone."""
        return f"{name}-{self.mark}"

    def key(self, name: str) -> UUID:
        return user_key(self.user(name))

    async def code(self, name: str, **signals: list[str]) -> str:
        body = CodeIn.model_validate({"customer": f"user_id:{self.user(name)}", "signals": signals})
        return (await self.world.service.referral_programs.code(self.program, body))[0].code

    async def brings(
        self, advocate: str, friend: str, *, mail: str | None = None, advocate_has: Any = None, **signals: list[str]
    ) -> ReferralOut | str:
        """The referral, or the code of the refusal."""
        body = ReferralIn.model_validate(
            {
                "code": await self.code(advocate, **(advocate_has or {})),
                "customer": f"user_id:{self.user(friend)}",
                "email_domain": mail,
                "signals": signals,
            }
        )
        try:
            return (await self.world.service.referrals.register(body))[0]
        except AppError as refusal:
            return refusal.code

    async def made(self, advocate: str, friend: str, **rest: Any) -> ReferralOut:
        found = await self.brings(advocate, friend, **rest)
        assert isinstance(found, ReferralOut), found
        return found

    async def hear(self, *events: Any) -> None:
        """Facts about orders come, and referrals are looked at."""
        await EarningWorld(self.world).hear(*events)
        await self.settle()

    async def settle(self) -> None:
        while await self.world.service.referral_settling.run():
            pass

    async def order(self, name: str, order: str, total: int = 250_000, **after: float) -> None:
        await self.hear(placed(self.order_id(order), self.user(name), total, at=self.at(**after)))

    async def refund(self, name: str, order: str, amount: int | None = None, *, refund: str = "r1") -> None:
        await self.hear(refunded(self.order_id(order), self.user(name), amount, refund=refund, at=self.at()))

    async def cancel(self, name: str, order: str) -> None:
        await self.hear(cancelled(self.order_id(order), self.user(name), at=self.at()))

    def order_id(self, order: str) -> str:
        return f"{order}-{self.mark}"

    def at(self, **after: float) -> datetime:
        return self.world.clock.now() + timedelta(**after)

    async def wait(self, **by: float) -> None:
        self.world.clock.forward(**by)
        await self.settle()

    async def merge(self, one: str, into: str) -> None:
        await self.world.merge(self.key(one), self.key(into))
        await self.settle()

    async def unmerge(self, one: str, into: str) -> None:
        await self.world.unmerge(self.key(one), self.key(into))
        await self.settle()

    async def decide(self, referral: UUID, verb: str, reason: str = "đã gọi điện") -> ReferralOut | str:
        service = self.world.service.referrals
        decide = service.approve if verb == "approve" else service.reject
        try:
            answer = await decide(referral, DecisionIn(reason=reason), by="linh", idem=None)
        except AppError as refusal:
            return refusal.code
        return ReferralOut.model_validate_json(answer.body)

    async def get(self, referral: UUID) -> ReferralOut:
        return await self.world.service.referrals.get(referral)

    async def states(self, referral: UUID) -> dict[str, str]:
        return {each.milestone: each.state for each in (await self.get(referral)).milestones}

    async def points(self, *names: str) -> list[int]:
        return [await EarningWorld(self.world).points(self.key(name)) for name in names]

    async def told(self) -> Sequence[Any]:
        """The events of this programme."""
        events = await self.world.announced(ReferralCompleted)
        return [event for event in events if event.data.campaign == str(self.program)]

    async def faults(self) -> dict[str, Any]:
        return {check.name: found for check in CHECKS if (found := await self.world.rows(check.sql))}


async def programme(world: LoyaltyWorld, **terms: Any) -> Friends:
    """A programme for the first order of 200,000 đồng, held back for a week."""
    number = next(_NUMBERS)
    body = ProgramIn.model_validate(
        {"name": f"Bạn rủ bạn {number}", "hold_days": 7, "milestones": [FIRST_ORDER], **terms}
    )
    answer = await world.service.referral_programs.create(body, by="test", idem=None)
    return Friends(world, UUID(orjson.loads(answer.body)["id"]))
