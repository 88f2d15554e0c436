"""Random histories: duplicates, disorder, merges and unmerges, workers side by side, held to plain counting."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from asking_world import DAY, Asking, somebody
from surveys_world import open_world

from shared.events.catalogue.surveys import SurveyInvited
from shared.events.envelope import Event
from shared.ids import user_key
from shared.testing.postgres import fresh_database

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMES = ("Order Delivered", "Ticket Solved", "Order Returned")
# What holds in these histories: over all surveys, and for each.
RULES: tuple[tuple[str, int, int, int], ...] = (("all", 3, 10, 1), ("survey", 2, 20, 0))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asking(pg_url: str) -> AsyncIterator[Asking]:
    async with fresh_database(pg_url) as url, open_world(url) as world:
        found = Asking(world)
        await found.rules({"limit": 3, "window_days": 10, "gap_days": 1})
        for priority, name in enumerate(NAMES):
            await found.survey(
                consent=None,
                priority=priority,
                triggers=[{"id": "t", "name": name, "delay": {"seconds": priority * 3_600}}],
                cancel_if=[{"on": "order_cancelled"}],
                budget=[{"limit": 2, "window_days": 20}],
                stale_after_seconds=2 * DAY,
                reminders={"most": 1, "after_seconds": 5 * DAY},
            )
        yield found


@dataclass
class Log:
    """What the test knows of a history without asking the service."""

    people: list[str]
    facts: dict[UUID, Event[Any]] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    merged: list[tuple[datetime, int, UUID, UUID | None]] = field(default_factory=list)

    def family(self, person: UUID, step: datetime) -> set[UUID]:
        """The keys that were one with a key at a time. A key is merged at most into one that is merged into none."""
        parents = {child: parent for at, _, child, parent in self.merged if at <= step}
        root = parents.get(person) or person
        return {root, *[child for child, parent in parents.items() if parent == root]}


async def play(asking: Asking, seed: int) -> Log:
    """Weeks of what happens to five people."""
    chance = random.Random(seed)
    log = Log([somebody() for _ in range(5)])
    merged: dict[str, str] = {}
    # Facts come up to ninety hours late: none of before there was a policy.
    asking.forward(days=5)
    for _ in range(40):
        asking.forward(hours=chance.choice((1, 5, 30)), seconds=1)
        news = []
        for _ in range(chance.randint(0, 4)):
            name, order = chance.choice(log.people), f"o-{seed}-{chance.randint(0, 30)}"
            late = asking.now - timedelta(hours=chance.choice((0, 0, 0, 3, 90)))
            if chance.random() < 0.15:
                event = asking.cancelled(name, order)
                log.cancelled.add(order)
            else:
                event = asking.delivered(name, at=late, touchpoint=chance.choice(NAMES), order_id=order)
                log.facts[event.id] = event
            news.append(event)
        again = [each for each in log.facts.values() if chance.random() < 0.02]
        chance.shuffle(news)
        await asyncio.gather(asking.hear(*news, *again), asking.hear(*news[:1]))
        if chance.random() < 0.2:
            await _regroup(asking, log, merged, chance)
        await asyncio.gather(*[asking.service.deciding.run() for _ in range(3)])
    asking.forward(days=10)
    await asking.decide()
    asking.forward(days=10)
    await asking.decide()
    return log


async def _regroup(asking: Asking, log: Log, merged: dict[str, str], chance: random.Random) -> None:
    name = chance.choice(log.people)
    if name in merged:
        root = merged.pop(name)
        await asking.world.unmerge(user_key(name), user_key(root))
        log.merged.append((asking.now, len(log.merged), user_key(name), None))
        return
    others = [each for each in log.people if each != name and each not in merged]
    if name in merged.values() or not others:
        return
    merged[name] = chance.choice(others)
    await asking.world.merge(user_key(name), user_key(merged[name]))
    log.merged.append((asking.now, len(log.merged), user_key(name), user_key(merged[name])))


def problems(log: Log, contacts: list[Any]) -> list[str]:
    """Contacts that broke a rule when they were made, by looking at every window of whoever the person was then."""
    found = []
    for made in contacts:
        family = log.family(made.person, made.at)
        before = [each for each in contacts if each.person in family and each.at <= made.at]
        for scope, limit, days, gap in RULES:
            seen = [each for each in before if scope == "all" or each.survey_id == made.survey_id]
            inside = [each for each in seen if each.at > made.at - timedelta(days=days)]
            if len(inside) > limit:
                found.append(f"{scope}: {len(inside)} in {days} days")
            close = [
                each
                for each in seen
                if each.invitation_id != made.invitation_id and made.at - each.at < timedelta(days=gap)
            ]
            if close:
                found.append(f"{scope}: {len(close)} too close")
    return found


@pytest.mark.parametrize("seed", range(3))
async def test_histories(asking: Asking, seed: int):
    """INVARIANT: a candidate has one decision; the budget holds in every window, whoever people turn out to be."""
    log = await play(asking, seed)
    keys = [user_key(each) for each in log.people]
    decisions = [each for name in log.people for each in await asking.of(name)]
    decided = {each.id: each for each in decisions}
    contacts = await asking.world.rows(
        "SELECT person, survey_id, invitation_id, number, at FROM contacts WHERE person = ANY(:keys) ORDER BY at",
        keys=keys,
    )
    reasons = Counter(each.reason for each in decided.values())
    print(f"seed {seed}: {len(log.facts)} facts, {len(log.merged)} merges and unmerges, {dict(reasons)}")

    assert problems(log, contacts) == []
    # Each fact proposed one candidate, each of them was decided, and what was asked are the contacts.
    asked_first = [each for each in decided.values() if each.number == 0]
    assert sorted(str(each.source_id) for each in asked_first) == sorted(map(str, log.facts))
    assert reasons[None] == 0
    assert reasons["asked"] == len(contacts)
    # Who was to be asked about a cancelled order was not, unless it was cancelled later.
    for each in asked_first:
        if each.reason == "cancelled":
            assert each.order_id in log.cancelled
    # Nobody was asked late.
    for each in decided.values():
        if each.reason == "asked":
            assert each.due_at <= each.decided_at < each.stale_at  # type: ignore[operator]
    invited = [each for each in await asking.world.announced(SurveyInvited) if each.subject in keys]
    assert len(invited) == len({each.data.invitation_id for each in invited})
    assert len(invited) == sum(each.reason == "asked" for each in asked_first)
    # The history was one: people were merged, asked, refused by the budget, and too late.
    assert log.merged
    assert reasons["asked"] > 5
    assert reasons["over_budget"] > 0
    assert reasons["expired"] > 0
