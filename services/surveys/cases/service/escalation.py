"""Clocks run out: the steps of the ladder, each at most once in a case."""

from collections.abc import Collection
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from services.surveys.cases.domain.case import planned, steps_ahead
from services.surveys.cases.domain.policy import Step, raised
from services.surveys.cases.domain.standing import Standing
from services.surveys.cases.repository import cases as rows
from services.surveys.cases.repository import standing as standing_rows
from services.surveys.cases.repository import teams
from services.surveys.cases.service.routing import Routing
from services.surveys.cases.service.writing import SYSTEM, Draft, store
from shared.clock import Clock
from shared.db.engine import Database, WriteTx
from shared.events.catalogue.surveys import CaseEscalated

AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Escalation:
    """Takes the steps that are due. Several workers share the cases: none waits for a case that another one has.

    Only where a step gives a case to somebody else, workers take turns, as everybody does who gives turns.
    """

    db: Database
    clock: Clock
    zone: ZoneInfo

    async def run(self, *, limit: int = AT_ONCE) -> int:
        """Take the steps that are due in up to `limit` cases, in one transaction; how many cases those were."""
        async with self.db.write() as tx:
            await standing_rows.hold(tx)
            now, standing = self.clock.now(), await standing_rows.standing(tx, self.zone)
            if any(step.action == "reassign" for step in standing.policy.ladder):
                await teams.claim_turns(tx)
            found = await rows.claim_due(tx, now, limit)
            if not found:
                return 0
            behind = await rows.steps(tx, [each.id for each in found])
            drafts = [Draft.of(each, by=SYSTEM, at=now) for each in found]
            routing = Routing(now.astimezone(self.zone).date())
            for draft in drafts:
                while (step := _next_due(draft, standing, behind[draft.case.id])) is not None:
                    await self._take(tx, draft, step, routing)
            await routing.settle(tx)
            await store(tx, drafts, standing)
            # Nothing was due after all: what was planned is set right, so that nobody looks again.
            await rows.save(
                tx,
                [
                    planned(each.before, standing.policy, standing.calendar(each.before.team), behind[each.case.id])
                    for each in drafts
                    if each.before is not None and not each.is_changed
                ],
            )
            return len(found)

    async def _take(self, tx: WriteTx, draft: Draft, step: Step, routing: Routing) -> None:
        before = draft.case
        told: str | None = None
        match step.action:
            case "notify":
                told = step.agent or (before.team and await teams.lead_of(tx, before.team)) or before.owner
            case "reassign":
                draft.case = await routing.assigned(tx, before, step.assign)
                told = draft.case.owner
            case "raise":
                draft.change(priority=raised(before.priority))
                told = before.owner
        draft.taken.append(step.key)
        draft.enter(
            "escalated",
            step=step.key,
            clock=step.clock,
            action=step.action,
            told=told,
            owner=draft.case.owner,
            team=draft.case.team,
            priority=draft.case.priority,
        )
        draft.extra.append(
            CaseEscalated(
                case_id=before.id,
                version=before.version,
                step=step.key,
                clock=step.clock,
                action=step.action,
                owner=told,
            )
        )


def _next_due(draft: Draft, standing: Standing, behind: Collection[str]) -> Step | None:
    """The step that is due first, as the case is now: a step before may have raised its priority."""
    policy, case = standing.policy, draft.case
    target, calendar = policy.targets[case.priority], standing.calendar(case.team)
    ahead = steps_ahead(case, policy.ladder, target, calendar, {*behind, *draft.taken})
    return next((step for at, step in ahead if at <= draft.at), None)
