"""What the tests of cases play with: unhappy people, a team that answers for them, and a clock."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from services.surveys.app import service as manifest
from services.surveys.cases.domain.case import planned
from services.surveys.cases.domain.judged import Judged, Scored
from services.surveys.cases.repository import cases as case_rows
from services.surveys.cases.repository import standing as standing_rows
from services.surveys.cases.schemas.policy import DEFAULT_DOCUMENT, PolicyIn
from services.surveys.cases.schemas.settings import AgentIn, TeamIn
from services.surveys.service import SurveysService
from services.surveys.settings import SurveysSettings
from shared.db.engine import Database, make_engine
from shared.db.migrate import upgrade
from shared.delivery.outbox import OutboxWriter
from shared.events.catalogue import surveys as catalogue
from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged
from shared.events.envelope import Catalogue, Event, EventData
from shared.ids import user_key, uuid7
from shared.runtime.trees import trees_of

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
# A Monday, eight in the morning in Vietnam: the calendar's day begins.
MONDAY = datetime(2026, 11, 30, 1, 0, tzinfo=UTC)
CASE_EVENTS = (
    catalogue.CaseOpened,
    catalogue.CaseChanged,
    catalogue.CaseEscalated,
    catalogue.CaseClosed,
    catalogue.CaseRecovered,
)
SURVEY = UUID("0197a000-0000-7000-8000-000000000001")
_NUMBERS = count(1)


@dataclass
class HandClock:
    """A clock that a test moves."""

    time: datetime = MONDAY

    def now(self) -> datetime:
        return self.time

    def forward(self, **by: float) -> None:
        """Let time pass: `forward(days=1)`."""
        self.time += timedelta(**by)


@dataclass
class CasesWorld:
    """Surveys on a real database, as far as cases go."""

    db: Database
    service: SurveysService
    clock: HandClock
    versions: Any = field(default_factory=lambda: count(1))

    def answer(self, name: str | None, score: int = 2, kind: Any = "nps", **rest: Any) -> Judged:
        """What somebody says; each is a response of its own."""
        values = {
            "response_id": uuid4(),
            "revision": 1,
            "survey_id": SURVEY,
            "person": None if name is None else user_key(name),
            "scores": (Scored("q1", kind, score),),
            "kind": kind,
            "at": self.clock.now(),
        }
        return Judged(**{**values, **rest})

    async def consider(self, judged: Judged) -> UUID | None:
        async with self.db.write() as tx:
            return await self.service.cases.consider(tx, judged)

    async def opened(self, name: str | None = None, score: int = 2, **rest: Any) -> UUID:
        """A case, of somebody new if nobody is named."""
        found = await self.consider(self.answer(name or f"chị Lan {next(_NUMBERS)}", score, **rest))
        assert found is not None
        return found

    async def rows(self, sql: str, **values: Any) -> list[Any]:
        """What a query answers."""
        async with self.db.read() as tx:
            return list(await tx.execute(sql, values))

    async def value(self, sql: str, **values: Any) -> Any:
        """The first column of its first row."""
        return (await self.rows(sql, **values))[0][0]

    async def announced(self, *classes: type[EventData], case: UUID | None = None) -> list[Event[Any]]:
        """What was announced of these classes, in order."""
        known = Catalogue(classes or CASE_EVENTS)
        rows = await self.rows("SELECT value FROM outbox_records ORDER BY id, place")
        found = [known.decode(row.value) for row in rows]
        return [event for event in found if event and (case is None or event.data.case_id == case)]

    async def merge(self, name: str, into: str) -> None:
        """`name` is `into` from now on."""
        await self._regroup(CustomerMerged, name, into)

    async def unmerge(self, name: str, into: str) -> None:
        """They are two again."""
        await self._regroup(CustomerUnmerged, name, into)

    async def _regroup(self, kind: Any, name: str, into: str) -> None:
        one, now = user_key(name), self.clock.now()
        said = kind(from_id=one, into_id=user_key(into), version=next(self.versions), reason="manual")
        async with self.db.write() as tx:
            await self.service.regroup(tx, [Event(uuid7(), one, now, now, said)])


@asynccontextmanager
async def open_cases(database_url: str, *, zone: ZoneInfo = VIETNAM) -> AsyncIterator[CasesWorld]:
    """Surveys, migrated, on a database."""
    db = Database(make_engine(database_url, schema="surveys", pool_size=20), schema="surveys", outbox=OutboxWriter())
    clock = HandClock()
    try:
        await upgrade(db.engine, trees_of([manifest]))
        yield CasesWorld(db, SurveysService(db=db, clock=clock, zone=zone, settings=SurveysSettings()), clock)
    finally:
        await db.dispose()


async def staff(world: CasesWorld, *agents: str, team: str = "hotline") -> None:
    """A team of these agents, the first of whom leads it."""
    settings = world.service.case_settings
    for agent in agents:
        await settings.put_agent(agent, AgentIn(), by="test", if_match=None, idem=None)
    body = TeamIn(members=list(agents), lead=agents[0])
    await settings.put_team(team, body, by="test", if_match=None, idem=None)


async def set_policy(world: CasesWorld, **parts: Any) -> None:
    """The default policy with some parts of its own."""
    body = PolicyIn.model_validate({**DEFAULT_DOCUMENT.model_dump(mode="json"), **parts})
    await world.service.case_settings.put_policy(body, by="test", if_match=None, idem=None)


async def misplanned(world: CasesWorld) -> list[UUID]:
    """Cases in which is due what would not be due, were it worked out now: there must be none."""
    async with world.db.write() as tx:
        standing = await standing_rows.standing(tx, world.service.zone)
        cases = await case_rows.lock_all_unclosed(tx, UUID(int=0), 10_000)
        taken = await case_rows.steps(tx, [each.id for each in cases])
        return [
            each.id
            for each in cases
            if planned(each, standing.policy, standing.calendar(each.team), taken[each.id]) != each
        ]
