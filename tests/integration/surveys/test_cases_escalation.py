"""Steps of the ladder, held to a model that looks at every half hour: each once, in time, and none after closing."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from cases_world import CasesWorld, misplanned, open_cases, set_policy, staff

from services.surveys.cases.domain.policy import DEFAULT_POLICY, PRIORITIES
from services.surveys.cases.domain.standing import default_document, read_calendar
from services.surveys.cases.schemas.case import CloseIn, ContactIn, PriorityIn, ReasonIn, StatusIn
from services.surveys.cases.schemas.settings import RootCauseIn
from services.surveys.cases.service.desk import Asked
from shared.errors import Conflict
from shared.events.catalogue.surveys import CaseEscalated
from shared.testing.postgres import fresh_database

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALENDAR = read_calendar(default_document("Asia/Ho_Chi_Minh"))
SLOT = timedelta(minutes=30)
LADDER: list[dict[str, Any]] = [
    {"key": "remind", "clock": "contact", "percent": 50, "action": "notify"},
    {"key": "no_contact", "clock": "contact", "percent": 100, "action": "raise"},
    {"key": "half", "clock": "resolution", "percent": 50, "action": "notify", "agent": "boss"},
    {"key": "run_out", "clock": "resolution", "percent": 100, "action": "reassign", "assign": []},
    {"key": "old", "clock": "age", "minutes": 1_200, "action": "raise"},
]
LADDER[3]["assign"] = [{"to": "agent", "name": "boss"}]
ASKED = Asked("test")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(pg_url: str) -> AsyncIterator[CasesWorld]:
    async with fresh_database(pg_url) as url, open_cases(url) as opened:
        await staff(opened, "boss", "linh", "minh")
        cause = RootCauseIn(labels={"vi": "Giao trễ"})
        await opened.service.case_settings.put_root_cause("late", cause, by="test", idem=None)
        await set_policy(opened, ladder=LADDER, assign=[{"to": "team", "name": "hotline"}])
        yield opened


@dataclass
class Model:
    """A case as the oracle sees it: what its clocks show is counted slot by slot."""

    status: str = "open"
    priority: str = "normal"
    is_contacted: bool = False
    contact: int = 0
    resolution: int = 0
    age: int = 0
    taken: set[str] = field(default_factory=set)

    def pass_slot(self, at: datetime) -> None:
        if any(start <= at < end for start, end in CALENDAR.pieces(at.astimezone(CALENDAR.zone).date())):
            self.age += 30
            self.contact += 0 if self.is_contacted else 30
            self.resolution += 30 if self.status in ("open", "in_progress") else 0

    def escalate(self) -> None:
        """All steps that are due: a raised priority may make more of them due."""
        while self.status in ("open", "in_progress", "waiting_customer"):
            target = DEFAULT_POLICY.targets[self.priority]
            due = {
                "remind": not self.is_contacted and self.contact * 2 >= target.contact_minutes,
                "no_contact": not self.is_contacted and self.contact >= target.contact_minutes,
                "half": self.resolution * 2 >= target.resolve_minutes,
                "run_out": self.resolution >= target.resolve_minutes,
                "old": self.age >= 1_200,
            }
            left = [key for key in due if due[key] and key not in self.taken]
            if not left:
                return
            self.taken |= set(left)
            for _ in {"no_contact", "old"} & set(left):
                self.priority = PRIORITIES[min(PRIORITIES.index(self.priority) + 1, 3)]  # type: ignore[arg-type]


async def act(world: CasesWorld, case: UUID, model: Model, chance: Random) -> None:
    """Somebody does something with a case, or cannot."""
    desk = world.service.case_desk
    verb = chance.choice(["in_progress", "waiting_customer", "resolved", "contact", "priority", "close", "reopen"])
    try:
        if verb == "contact":
            await desk.contact(case, ContactIn(channel="phone"), ASKED)
            model.is_contacted = True
        elif verb == "priority":
            priority = chance.choice(PRIORITIES)
            await desk.prioritise(case, PriorityIn(priority=priority, reason="x"), ASKED)
            model.priority = priority
        elif verb == "close":
            await desk.close(case, CloseIn(outcome="solved", root_cause="late", action="x"), ASKED)
            model.status = "closed"
        elif verb == "reopen":
            await desk.reopen(case, ReasonIn(reason="x"), ASKED)
            model.status = "in_progress"
        else:
            await desk.move(case, StatusIn.model_validate({"status": verb}), ASKED)
            model.status, model.is_contacted = verb, model.is_contacted or verb == "waiting_customer"
    except Conflict:
        return


async def escalated(world: CasesWorld, case: UUID) -> list[str]:
    rows = await world.rows(
        "SELECT data->>'step' AS step FROM case_history WHERE case_id = :id AND kind = 'escalated' ORDER BY number",
        id=case,
    )
    return [row.step for row in rows]


@pytest.mark.parametrize("seed", range(3))
async def test_steps_are_those_of_the_model_whatever_happens(world: CasesWorld, seed: int):
    chance, cases = Random(seed), dict[UUID, Model]()
    for _ in range(22):
        if len(cases) < 5:
            cases[await world.opened()] = Model()
        for case, model in cases.items():
            if chance.random() < 0.25:
                await act(world, case, model, chance)
        for _ in range(chance.choice([1, 4, 9, 30, 100])):
            for model in cases.values():
                model.pass_slot(world.clock.now())
            world.clock.forward(minutes=30)
        while await world.service.case_escalation.run(limit=chance.choice([1, 3, 200])):
            pass
        for case, model in cases.items():
            model.escalate()
            found = await escalated(world, case)
            assert sorted(found) == sorted(model.taken)
            stored = (await world.rows("SELECT status, priority FROM cases WHERE id = :id", id=case))[0]
            assert (stored.status, stored.priority) == (model.status, model.priority)
        assert await misplanned(world) == []

    assert any(model.taken for model in cases.values())


async def test_what_each_step_does_and_tells(world: CasesWorld):
    case = await world.opened()
    world.clock.forward(days=30)
    assert await world.service.case_escalation.run() >= 1

    told = {
        event.data.step: (event.data.action, event.data.owner)
        for event in await world.announced(CaseEscalated, case=case)
    }
    assert told["remind"] == ("notify", "boss")
    assert told["half"] == ("notify", "boss")
    assert told["run_out"] == ("reassign", "boss")
    (row,) = await world.rows("SELECT owner, priority, next_step_at FROM cases WHERE id = :id", id=case)
    assert (row.owner, row.priority, row.next_step_at.year) == ("boss", "urgent", 9999)
    assert await world.service.case_escalation.run() == 0


async def test_a_ladder_that_is_set_later_holds_for_cases_that_are_open(world: CasesWorld):
    case = await world.opened()
    world.clock.forward(days=7)
    later = {"key": "late_step", "clock": "age", "minutes": 60, "action": "notify"}
    await set_policy(world, ladder=[later], assign=[{"to": "team", "name": "hotline"}])
    while await world.service.case_escalation.run():
        pass

    assert await escalated(world, case) == ["late_step"]
    assert await misplanned(world) == []
