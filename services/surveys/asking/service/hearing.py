"""What is heard: facts make candidates and take them back, people agree and withdraw, enter segments and leave."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID
from zoneinfo import ZoneInfo

from services.surveys.asking.domain.candidate import Candidate
from services.surveys.asking.domain.fact import fact_of
from services.surveys.asking.domain.plan import Cancelling, Plan
from services.surveys.asking.repository import candidates, people, policies
from services.surveys.definitions.service.reading import Surveys
from shared.db import segment_moves
from shared.db.engine import ReadTx, WriteTx
from shared.events.catalogue.profiles import ConsentChanged, SegmentEntered, SegmentLeft
from shared.events.catalogue.touchpoints import TouchpointRecorded
from shared.events.envelope import Event
from shared.events.orders import OrderFact


@dataclass(slots=True)
class PlanShelf:
    """The plan this process has made ready, and of which versions of which policies."""

    versions: tuple[tuple[UUID, int], ...] = ()
    plan: Plan | None = None


@dataclass(frozen=True, slots=True)
class Hearing:
    """Everything is heard in the consumer's transaction, and is the same however often and in whatever order."""

    zone: ZoneInfo
    surveys: Surveys
    shelf: PlanShelf = field(default_factory=PlanShelf)

    async def facts(self, tx: WriteTx, events: Sequence[Event[TouchpointRecorded] | Event[OrderFact]]) -> None:
        """Propose whom facts say to ask, and note those that take it back.

        Nothing is decided here: a fact that takes back may come before the one that proposes.
        """
        plan = await self._plan(tx)
        proposed: dict[UUID, Candidate] = {}
        taken_back: list[Cancelling] = []
        for event in events:
            for each in plan.proposed(fact_of(event)):
                if isinstance(each, Candidate):
                    proposed[each.id] = each
                else:
                    taken_back.append(each)
        await candidates.add(tx, proposed.values())
        await people.add_cancels(tx, taken_back)

    async def consents(self, tx: WriteTx, events: Sequence[Event[ConsentChanged]]) -> None:
        """Take over what people agreed to."""
        await people.add_consents(tx, events)

    async def moves(self, tx: WriteTx, events: Sequence[Event[SegmentEntered] | Event[SegmentLeft]]) -> None:
        """Note who is in which segment since when."""
        await segment_moves.record(tx, events)

    async def _plan(self, tx: ReadTx) -> Plan:
        """The plan of all policies of surveys that take answers; made anew when one of them has changed."""
        active = {each.survey_id for each in await self.surveys.active(tx)}
        versions = tuple([each for each in await policies.versions(tx) if each[0] in active])
        if self.shelf.plan is None or self.shelf.versions != versions:
            found = await policies.current(tx, [survey_id for survey_id, _ in versions])
            # What was just read, should a policy have changed in between.
            self.shelf.versions = tuple(sorted((each.survey_id, each.version) for each in found.values()))
            self.shelf.plan = Plan((each for each in found.values() if each.policy.is_active), self.zone)
        return self.shelf.plan
