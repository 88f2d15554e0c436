"""A hundred triggers at once: the contact budget holds, and does not without the lock of the person."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
import pytest_asyncio
from asking_world import Asking, somebody
from surveys_world import open_world

from services.surveys.asking.errors import PolicyMoved
from services.surveys.asking.repository import candidates as rows
from services.surveys.asking.service import deciding as room
from shared.identity import members
from shared.ids import user_key
from shared.testing.postgres import fresh_database

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRIGGERS = 100
LIMIT = 3


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asking(pg_url: str) -> AsyncIterator[Asking]:
    async with fresh_database(pg_url) as url, open_world(url) as world:
        found = Asking(world)
        await found.rules({"limit": LIMIT, "window_days": 30})
        await found.survey(consent=None)
        await found.survey("after_support", consent=None, triggers=[])
        yield found


class Together:
    """How many were between reading what is known and storing what was decided, at the same time."""

    def __init__(self) -> None:
        self.now = self.most = 0

    def enter(self) -> None:
        self.now += 1
        self.most = max(self.most, self.now)

    def leave(self) -> None:
        self.now -= 1


async def decide_one(asking: Asking, key: UUID, person: UUID, together: Together, *, is_naive: bool) -> None:
    """A worker that has this candidate alone. The naive one reads who the person is, and does not lock them."""
    service = asking.service.deciding
    async with asking.world.db.write() as tx:
        take = members.find_many if is_naive else members.lock_many
        persons = await take(tx, (person,))
        together.enter()
        await service.decide(tx, await rows.lock_waiting(tx, (key,)), persons)
        together.leave()


async def race(asking: Asking, *names: str, is_naive: bool) -> tuple[int, int]:
    """A hundred triggers of these people, each decided by a worker of its own; how many asked, how many together."""
    facts = [asking.delivered(names[number % len(names)]) for number in range(TRIGGERS)]
    await asyncio.gather(*[asking.hear(*facts[start : start + 10]) for start in range(0, TRIGGERS, 10)])
    keys = [user_key(each) for each in names]
    waiting = await asking.world.rows("SELECT id, person FROM candidates WHERE person = ANY(:keys)", keys=keys)
    assert len(waiting) == TRIGGERS
    together = Together()
    await asyncio.gather(*[decide_one(asking, row.id, row.person, together, is_naive=is_naive) for row in waiting])
    asked = await asking.world.value("SELECT count(*) FROM contacts WHERE person = ANY(:keys)", keys=keys)
    left = await asking.world.value(
        "SELECT count(*) FROM candidates WHERE person = ANY(:keys) AND reason IS NULL", keys=keys
    )
    assert left == 0
    return asked, together.most


async def test_without_the_lock_of_the_person_the_budget_breaks(asking: Asking):
    """The race happens: what the next test shows is no accident of the clock."""
    asked, together = await race(asking, somebody(), is_naive=True)

    assert together > 1
    assert asked > LIMIT


async def test_a_hundred_triggers_at_once_ask_no_more_than_the_budget_says(asking: Asking):
    asked, together = await race(asking, somebody(), is_naive=False)

    assert (asked, together) == (LIMIT, 1)


async def test_a_hundred_triggers_of_two_keys_of_one_person(asking: Asking):
    one, two = somebody(), somebody()
    await asking.world.merge(user_key(one), user_key(two))

    asked, together = await race(asking, one, two, is_naive=False)

    assert (asked, together) == (LIMIT, 1)


async def test_a_hundred_requests_and_as_many_workers_at_once(asking: Asking):
    """Staff asks by hand while workers decide: one budget for all."""
    name = somebody()
    surveys = [row.id for row in await asking.world.rows("SELECT id FROM surveys")]
    await asking.hear(*[asking.delivered(name) for _ in range(20)])

    answers = await asyncio.gather(
        *[asking.invite(surveys[number % len(surveys)], name) for number in range(TRIGGERS)],
        *[asking.service.deciding.run() for _ in range(10)],
    )
    await asking.decide()

    reasons = await asking.reasons(name)
    by_hand = [each["reason"] for each in answers[:TRIGGERS] if isinstance(each, dict)]
    assert len(by_hand) == TRIGGERS
    assert len(reasons) == TRIGGERS + 20
    assert reasons.count("asked") == LIMIT
    assert set(reasons) == {"asked", "over_budget"}


async def test_of_two_who_change_a_policy_at_once_one_wins(asking: Asking):
    survey_id = (await asking.world.rows("SELECT id FROM surveys"))[0].id
    before = (await asking.service.asking_policies.get(survey_id)).version

    done = await asyncio.gather(
        *[asking.policy(survey_id, consent=None, priority=each) for each in range(8)], return_exceptions=True
    )

    after = (await asking.service.asking_policies.get(survey_id)).version
    won = [each for each in done if each is None]
    assert [type(each) for each in done if each is not None] == [PolicyMoved] * (8 - len(won))
    assert (after, len(won)) == (before + len(won), len(won))
    assert (
        await asking.world.value(
            "SELECT count(*) FROM asking_policies WHERE is_current AND survey_id = :id", id=survey_id
        )
        == 1
    )


async def test_workers_that_see_the_same_candidates_decide_each_once(asking: Asking):
    people = [somebody() for _ in range(90)]
    await asking.hear(*[asking.delivered(each) for each in people])

    looked_at = await asyncio.gather(*[asking.service.deciding.run() for _ in range(8)])
    await asking.decide()

    assert sum(looked_at) > 90, "several workers saw the same candidates"
    keys = [user_key(each) for each in people]
    asked = await asking.world.rows(
        "SELECT c.id, count(i.id) AS number FROM candidates c LEFT JOIN invitations i ON i.id = c.invitation_id "
        "WHERE c.person = ANY(:keys) GROUP BY c.id",
        keys=keys,
    )
    assert len(asked) == 90
    assert {each.number for each in asked} == {1}
    assert room.AT_ONCE > 90
