"""What the tests of achievements play with: definitions in force, facts that come, and what people hold by them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from earning_world import EarningWorld, key
from loyalty_world import LoyaltyWorld

from services.loyalty.achievements.repository import CHECKS
from services.loyalty.achievements.schemas import AchievementIn, ActivateIn, ProgressOut

SINCE = datetime(2020, 1, 1, tzinfo=UTC)
ORDERS = {"on": "order"}


@dataclass
class Club:
    """Loyalty with achievements."""

    world: LoyaltyWorld

    async def achievement(
        self, name: str, *, since: datetime = SINCE, until: datetime | None = None, **said: Any
    ) -> UUID:
        """An achievement in force from the beginning of time, or from a moment on."""
        body = AchievementIn.model_validate({"name": name, "achievement": {"counts": ORDERS, **said}})
        made = await self.world.service.achievements.create(body, by="test", idem=None)
        found = UUID(orjson.loads(made.body)["id"])
        active = ActivateIn(starts_at=since, ends_at=until, retroactive=True)
        await self.world.service.achievements.activate(found, active, by="test", idem=None)
        return found

    async def hear(self, *events: Any) -> None:
        """Facts come, and who is concerned is looked at."""
        await EarningWorld(self.world).hear(*events)
        await self.settle()

    async def settle(self) -> None:
        """Whoever waits is looked at."""
        while await self.world.service.achievement_settling.run():
            pass

    async def held(self, person: str | UUID) -> list[tuple[str, str, int, datetime]]:
        """What a person holds: name, period, number, when; in that order."""
        found = await self.world.service.achievement_show.badges(key(person), before=None, limit=500)
        return sorted((each.name, each.period, each.number, each.reached_at) for each, _ in found)

    async def names(self, person: str | UUID) -> list[tuple[str, str, int]]:
        """The same without the moments."""
        return [each[:3] for each in await self.held(person)]

    async def progress(self, person: str | UUID, name: str, *, as_of: datetime | None = None) -> ProgressOut:
        """How far somebody is."""
        said = await self.world.service.achievement_show.progress(key(person), as_of=as_of)
        return next(each for each in said.achievements if each.name == name)

    async def points(self, person: str | UUID) -> int:
        """What somebody has."""
        return await EarningWorld(self.world).points(person)

    async def faults(self) -> dict[str, Any]:
        """What the invariants of the room find."""
        return {check.name: found for check in CHECKS if (found := await self.world.rows(check.sql))}
