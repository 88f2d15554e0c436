"""Nothing leads from an anonymous answer to who gave it: every join in the database is tried, and must fail."""

import random
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any
from unittest import mock

import pytest
from answers_world import RELATIONSHIP, invite, take
from joining import everything, followed, matches
from surveys_world import SurveysWorld, open_world

from services.surveys.answers.domain import box
from services.surveys.answers.errors import AnswerTooLate
from services.surveys.definitions.errors import SurveyNotActive
from shared.events.catalogue.surveys import SurveyAnswered
from shared.ids import user_key

PEOPLE = 30
# So many of thirty are given to the right person by chance in less than one of three million tries.
CHANCE = 10


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[SurveysWorld]:
    async with open_world(database_url) as opened:
        yield opened


async def answered(world: SurveysWorld, *, is_anonymous: bool) -> dict[str, dict[str, str]]:
    """Thirty people answer in an order of their own, a minute from one another: the seeds of persons and answers, and
    when each answered."""
    definition = await world.publish_document({**RELATIONSHIP, "is_anonymous": is_anonymous})
    names = [f"customer {place}" for place in range(PEOPLE)]
    invitations = dict(zip(names, await invite(world, definition, *names), strict=True))
    # Somebody was asked otherwise than all others, and answers in another language.
    (invitations["customer 0"],) = await invite(
        world, definition, "customer 0", locale="en", channel="widget", weight=7.0
    )
    order = random.Random(7).sample(names, PEOPLE)
    times = {}
    for place, name in enumerate(order):
        world.clock.forward(minutes=1)
        times[name] = f"{place:02}"
        await take(
            world,
            invitation_id=invitations[name],
            locale="en" if name == "customer 0" else "vi",
            answers={"nps": {"score": place % 11}, "comment": {"text": f"điều mà {secret(name)} viết"}},
        )
    return {
        "persons": {name: {str(invitations[name]), str(user_key(name))} for name in names},
        "answers": {name: {f"điều mà {secret(name)} viết"} for name in names},
        "times": times,
    }  # type: ignore[dict-item]


def secret(name: str) -> str:
    """What only this answer says."""
    return f"secret-{sha256(name.encode()).hexdigest()[:12]}"


async def best_join(world: SurveysWorld, seeds: Any) -> tuple[int, Any]:
    """How many answers the best way gives to the right person, and which way that is."""
    rows = await everything(world.db)
    persons, answers = followed(rows, seeds["persons"]), followed(rows, seeds["answers"])
    assert all(persons.values())
    assert sum(map(bool, answers.values())) >= PEOPLE - 1
    met = sum(1 for name in persons if persons[name] & answers[name])
    found = matches(rows, persons, answers, answered=seeds["times"])
    way = max(found, key=lambda each: found[each])
    return max((met, "followed"), (found[way], way), key=lambda each: each[0])


async def test_no_join_in_the_whole_database_tells_who_gave_an_anonymous_answer(world: SurveysWorld) -> None:
    seeds = await answered(world, is_anonymous=True)
    assert await world.value("SELECT count(*) FROM responses") == 0
    assert await world.service.ballots.open_full() == PEOPLE - 1

    hits, way = await best_join(world, seeds)

    assert hits < CHANCE, way
    told = await world.announced(SurveyAnswered)
    assert len({each.subject for each in told} | {user_key(name) for name in seeds["persons"]}) == 2 * PEOPLE - 1
    assert {(each.data.invitation_id, each.data.staff_id) for each in told} == {(None, None)}
    assert len({each.time for each in told}) == 1


async def test_the_same_attacker_finds_everybody_who_is_named(world: SurveysWorld) -> None:
    seeds = await answered(world, is_anonymous=False)

    hits, _ = await best_join(world, seeds)

    assert hits == PEOPLE


async def test_the_same_attacker_finds_everybody_where_answers_come_out_in_their_order(world: SurveysWorld) -> None:
    with mock.patch.object(box.random.SystemRandom, "shuffle", lambda _self, drawn: drawn.sort(key=_said_at)):
        seeds = await answered(world, is_anonymous=True)
        times = seeds["times"]
        _ORDER.update({f"điều mà {secret(name)} viết": at for name, at in times.items()})
        await world.service.ballots.open_full()

    hits, way = await best_join(world, seeds)

    assert hits == PEOPLE - 1, way


_ORDER: dict[str, str] = {}


def _said_at(each: Any) -> str:
    return _ORDER[each[1].answers["comment"]["text"]]


async def test_in_the_box_an_answer_shares_its_transaction_with_nothing_that_is_somebodys(world: SurveysWorld) -> None:
    await answered(world, is_anonymous=True)

    rows = await everything(world.db)

    numbers = {row.columns["@xmin"] for row in rows if row.table in ("surveys.ballots", "surveys.ballot_stubs")}
    beside = {
        row.table
        for row in rows
        if {row.columns["@xmin"], row.columns.get("@xmax")} & numbers and not row.table.startswith("surveys.ballot")
    }
    # How many there are of the survey, and that it is still there.
    assert beside <= {"surveys.survey_completes", "surveys.surveys"}
    assert not [row for row in rows if any("secret-" in text for text in row.columns.values())]


async def test_what_few_have_in_common_is_left_out(world: SurveysWorld) -> None:
    await answered(world, is_anonymous=True)
    await world.service.ballots.open_full()

    # The one in English waits: alone it would be known by its language, its channel and its weight.
    looks = await world.rows("SELECT DISTINCT locale, channel, weight FROM responses")
    assert [tuple(row) for row in looks] == [("vi", "link", 1.0)]
    assert await world.value("SELECT count(*) FROM ballots") == 1


async def test_fewer_than_five_wait(world: SurveysWorld) -> None:
    definition = await world.publish_document({**RELATIONSHIP, "is_anonymous": True})
    invitations = await invite(world, definition, "a", "b", "c", "d", "e")
    for each in invitations[:4]:
        await take(world, invitation_id=each)

    assert await world.service.ballots.open_full() == 0
    await take(world, invitation_id=invitations[4])
    assert await world.service.ballots.open_full() == 5
    assert await world.value("SELECT count(DISTINCT (CAST(xmin AS text), answered_at)) FROM responses") == 1


async def test_an_invitation_is_used_once_and_late_ones_are_refused(world: SurveysWorld) -> None:
    definition = await world.publish_document({**RELATIONSHIP, "is_anonymous": True})
    used, silent = await invite(world, definition, "lan", "minh")

    first = await take(world, invitation_id=used)
    again = await take(world, invitation_id=used, answers={"nps": {"score": 0}})
    assert (first.response_id, first.is_new, again.is_new) == (None, True, False)
    assert await world.value("SELECT count(*) FROM ballots") == 1

    world.clock.forward(days=15)
    with pytest.raises(AnswerTooLate):
        await take(world, invitation_id=silent)
    await world.close(definition.survey_id)
    with pytest.raises(SurveyNotActive):
        await take(world, invitation_id=silent)
    assert not (await take(world, invitation_id=used)).is_new


async def test_a_transaction_that_wrote_something_takes_no_anonymous_answer(world: SurveysWorld) -> None:
    definition = await world.publish_document({**RELATIONSHIP, "is_anonymous": True})
    (invitation,) = await invite(world, definition, "lan")

    with pytest.raises(RuntimeError, match="the only thing"):
        async with world.db.write() as tx:
            await world.service.invitations.lock(tx, invitation)
            from answers_world import said

            await world.service.answering.take(tx, said(world, invitation_id=invitation))
