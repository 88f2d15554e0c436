"""What the tests of asking play with: policies, people who agreed, and what happens to them."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import orjson
from surveys_world import STAFF, SurveysWorld

from services.surveys.asking.domain.candidate import Candidate
from services.surveys.asking.schemas.deciding import InvitationIn
from services.surveys.asking.schemas.policy import AskingIn, ContactRulesIn
from services.surveys.definitions.domain.definition import Definition
from shared.events.catalogue.profiles import ConsentChanged, SegmentEntered, SegmentLeft
from shared.events.catalogue.touchpoints import OrderCancelled, OrderPlaced, OrderRefunded, TouchpointRecorded
from shared.events.envelope import Event
from shared.ids import user_key, uuid7

DELIVERED: dict[str, Any] = {"id": "delivered", "name": "Order Delivered", "delay": {"seconds": 0}}
DAY = 86_400
_VERSIONS = count(1)
_PEOPLE = count(1)


def somebody() -> str:
    """Somebody nobody has heard of."""
    return f"khach-{next(_PEOPLE)}"


class Asking:
    """Asking on a real database: what staff sets, what is heard, and what is decided."""

    def __init__(self, world: SurveysWorld) -> None:
        self.world = world
        self.service = world.service

    @property
    def now(self) -> datetime:
        """What the clock says."""
        return self.world.clock.now()

    async def rules(self, *budget: dict[str, Any], quiet: dict[str, str] | None = None) -> None:
        """Set the firm's contact rules."""
        version = (await self.service.asking_policies.rules()).version
        body = ContactRulesIn.model_validate({"version": version, "budget": list(budget), "quiet": quiet})
        await self.service.asking_policies.put_rules(body, by=STAFF, idem=None)

    async def policy(self, survey_id: UUID, **terms: Any) -> None:
        """Set whom a survey asks: who is delivered something, unless it says otherwise."""
        version = (await self.service.asking_policies.get(survey_id)).version
        body = AskingIn.model_validate({"version": version, "triggers": [DELIVERED], **terms})
        await self.service.asking_policies.put(survey_id, body, by=STAFF, idem=None)

    async def survey(
        self, library: str = "after_delivery", *, changes: dict[str, Any] | None = None, **terms: Any
    ) -> Definition:
        """A survey that is asked."""
        definition = await self.world.publish(library, **(changes or {}))
        await self.policy(definition.survey_id, **terms)
        return definition

    async def agree(self, *names: str, state: str = "granted", channel: str = "email", **rest: Any) -> None:
        """People who agreed to be asked, or said otherwise."""
        said = [
            ConsentChanged(
                **{"purpose": "surveys", "channel": channel, "state": state, "version": next(_VERSIONS), **rest}
            )
            for _ in names
        ]
        await self.world.tell(
            "surveys.consents", *[self._event(user_key(n), d) for n, d in zip(names, said, strict=True)]
        )

    async def enter(self, segment: UUID, *names: str) -> None:
        """People who entered a segment."""
        said = SegmentEntered(segment_id=segment, segment_version=1, cause="fact")
        await self.world.tell("surveys.segments", *[self._event(user_key(each), said) for each in names])

    async def leave(self, segment: UUID, *names: str) -> None:
        """People who left one."""
        said = SegmentLeft(segment_id=segment, segment_version=1, cause="fact")
        await self.world.tell("surveys.segments", *[self._event(user_key(each), said) for each in names])

    def delivered(
        self, name: str, *, at: datetime | None = None, touchpoint: str = "Order Delivered", **properties: Any
    ) -> Event[Any]:
        """Something was delivered to somebody."""
        data = TouchpointRecorded(source="web", call="track", name=touchpoint, properties=properties)
        return self._event(user_key(name), data, at)

    def placed(self, name: str, order_id: str, total_minor: int = 100_000) -> Event[Any]:
        """Somebody placed an order."""
        return self._event(
            user_key(name), OrderPlaced(order_id=order_id, total_minor=total_minor, currency="VND", source="web")
        )

    def cancelled(self, name: str, order_id: str) -> Event[Any]:
        """An order was cancelled."""
        return self._event(user_key(name), OrderCancelled(order_id=order_id, source="web"))

    def refunded(self, name: str, order_id: str) -> Event[Any]:
        """An order was refunded."""
        return self._event(user_key(name), OrderRefunded(order_id=order_id, refund_id=f"r-{order_id}", source="web"))

    def _event(self, subject: UUID, data: Any, at: datetime | None = None) -> Event[Any]:
        return Event(uuid7(), subject, at or self.now, self.now, data)

    async def hear(self, *events: Event[Any]) -> None:
        """Let facts come."""
        await self.world.tell("surveys.facts", *events)

    async def decide(self) -> None:
        """Decide about all whose time has come."""
        while await self.service.deciding.run():
            pass

    async def happen(self, name: str, **rest: Any) -> str | None:
        """Something is delivered, and it is decided; the reason."""
        event = self.delivered(name, **rest)
        await self.hear(event)
        await self.decide()
        return await self.world.value("SELECT reason FROM candidates WHERE source_id = :id", id=event.id)

    async def sweep(self) -> None:
        """Go through all rounds that have begun, and decide."""
        while await self.service.sweeping.run():
            pass
        await self.decide()

    async def invite(self, survey_id: UUID, name: str, **rest: Any) -> dict[str, Any]:
        """Ask somebody by hand; what was answered."""
        body = InvitationIn.model_validate({"customer": f"user_id:{name}", **rest})
        answer = await self.service.inviting.invite(survey_id, body, idem=None)
        return {"status": answer.status, **orjson.loads(answer.body)}

    async def of(self, name: str) -> list[Candidate]:
        """What was decided about somebody, what happened last first."""
        return await self.service.inviting.decisions_of(f"user_id:{name}", survey_id=None, after=None, limit=500)

    async def reasons(self, name: str) -> list[str | None]:
        """The reasons, those of what happened first first."""
        return [each.reason for each in reversed(await self.of(name))]

    def forward(self, **by: float) -> None:
        """Let time pass."""
        self.world.clock.forward(**by)


def days(number: float) -> timedelta:
    """So many days."""
    return timedelta(days=number)
