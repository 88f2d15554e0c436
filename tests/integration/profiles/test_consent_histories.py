"""Random histories of consent: words in any order, merges and unmerges in between.

The oracle is written from the rules and looks at all words at once; followers know only what was announced.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from profiles_world import NOW, World, touchpoint
from sqlalchemy.exc import DBAPIError

from services.profiles.consent import repository
from services.profiles.consent.domain import Pair
from services.profiles.consent.errors import FrequencyMissing, TextUnpublished
from services.profiles.consent.schemas import CheckIn, ConsentIn, TextIn
from services.profiles.consumers import follow_identity, record_touchpoints
from services.profiles.schemas import CustomerIn, MergeIn, UnmergeIn
from services.profiles.service import ProfilesService
from services.profiles.settings import ProfilesSettings
from shared.events.catalogue.profiles import ConsentChanged
from shared.events.catalogue.touchpoints import TouchpointReceived
from shared.events.envelope import Event
from shared.ids import anonymous_key, user_key

MAIL = Pair("marketing", "email")
KEYS = ("a", "b", "c")
runs = iter(range(1, 1_000_000))

steps = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.sampled_from(KEYS), st.booleans(), st.integers(0, 5)),
        st.tuples(st.just("say"), st.sampled_from(KEYS), st.booleans(), st.integers(0, 5)),
        st.tuples(st.just("merge"), st.permutations(KEYS)),
        st.tuples(st.just("unmerge"), st.sampled_from(KEYS)),
    ),
    min_size=3,
    max_size=10,
)


async def say(world: World, user: str, *, granted: bool, minute: float = 0, text: str = "v1") -> None:
    body = ConsentIn.model_validate(
        {
            "changes": [{**MAIL._asdict(), "state": "granted" if granted else "withdrawn"}],
            "text_version": text,
            "time": (NOW - timedelta(hours=1) + timedelta(minutes=minute)).isoformat(),
        }
    )
    await world.service.consent.record(f"user_id:{user}", body, by="k", idem=None)


async def verdicts(world: World, *users: str) -> list[str]:
    body = CheckIn(customers=[f"user_id:{user}" for user in users], **MAIL._asdict())
    return [each.reason for each in (await world.service.consent.check(body)).results]


async def create(world: World, *users: str) -> None:
    for user in users:
        await world.service.create(CustomerIn(user_id=user), by="k", idem=None)


async def merge(world: World, user: str, into: str) -> None:
    body = MergeIn(into=f"user_id:{into}", reason="test")
    await world.service.merge(f"user_id:{user}", body, by="k", idem=None)


async def unmerge(world: World, user: str) -> None:
    await world.service.unmerge(f"user_id:{user}", UnmergeIn(reason="test"), by="k", idem=None)


async def follow(world: World, events: Sequence[Event[Any]]) -> None:
    if events:
        async with world.db.write() as tx:
            await follow_identity(world.service, tx, events)


async def heard(world: World) -> dict[UUID, ConsentChanged]:
    """What a follower makes of everything announced: the highest version of each subject, in whatever order."""
    found: dict[UUID, ConsentChanged] = {}
    changes = [event for event in await world.announced(ConsentChanged) if event.data.channel == MAIL.channel]
    for event in reversed(changes):
        if event.subject not in found or event.data.version > found[event.subject].version:
            found[event.subject] = event.data
    return found


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=steps, seed=st.integers(0, 2**32))
async def test_check_and_followers_agree_with_all_words(world: World, history: list[Any], seed: int) -> None:
    """INVARIANT: what is allowed is a function of the words and of who is whom, and followers end with the same.

    Breaks if a merge moves or loses a word, if a late word overrules a later one, or if a merge or an unmerge that
    changes what somebody allows is not told.
    """
    tag, random = f"{next(runs)}-", Random(seed)
    parents: dict[str, str] = {}
    words: list[tuple[str, int, bool]] = []
    before = len(await world.merges())
    await create(world, *(tag + key for key in KEYS))

    def root(key: str) -> str:
        return root(parents[key]) if key in parents else key

    for step in history:
        if step[0] == "say":
            words.append((step[1], step[3], step[2]))
            await say(world, tag + step[1], granted=step[2], minute=step[3])
        elif step[0] == "merge" and root(step[1][0]) != root(step[1][1]):
            await merge(world, tag + step[1][0], tag + step[1][1])
            parents[root(step[1][0])] = step[1][1]
        elif step[0] == "unmerge" and step[1] in parents:
            await unmerge(world, tag + step[1])
            del parents[step[1]]
        if random.random() < 0.5:
            fresh = (await world.merges())[before:]
            await follow(world, [*fresh, *random.choices(fresh, k=2)] if fresh else [])
            before += len(fresh)
    await follow(world, (await world.merges())[before:])

    told = await heard(world)
    for key in KEYS:
        of_person = [(minute, not granted) for owner, minute, granted in words if root(owner) == root(key)]
        expected = "no_consent" if not of_person else "withdrawn" if max(of_person)[1] else "granted"
        assert await verdicts(world, tag + key) == [expected]
        change = told.get(user_key(tag + root(key)))
        assert (change.state if change else "none") == expected.replace("no_consent", "none")


async def test_a_change_is_told_once_and_what_changes_nothing_is_not(world: World) -> None:
    await create(world, "42")
    await say(world, "42", granted=True, minute=1)
    await say(world, "42", granted=True, minute=2)
    await say(world, "42", granted=False, minute=0)
    await say(world, "42", granted=True, minute=3, text="v2")
    await say(world, "42", granted=False, minute=4)

    told = await world.announced(ConsentChanged)

    assert [(each.data.state, each.data.text_version, each.data.version) for each in told] == [
        ("granted", "v1", 1),
        ("granted", "v2", 2),
        ("withdrawn", "v1", 3),
    ]
    assert {each.subject for each in told} == {user_key("42")}


async def test_words_that_come_side_by_side_are_all_told(world: World) -> None:
    """INVARIANT: what followers heard last is what holds, also where two words came at the same moment.

    Breaks without the lock on the person: each would compare with what the other has not committed yet.
    """
    await create(world, "42", "43")
    await merge(world, "43", "42")
    await asyncio.gather(
        *(say(world, "42" if n % 2 else "43", granted=n % 3 > 0, minute=n / 10, text=f"v{n}") for n in range(12))
    )

    told = await world.announced(ConsentChanged)

    assert [each.data.version for each in told] == list(range(1, len(told) + 1))
    assert (told[-1].data.state, told[-1].data.text_version) == ("granted", "v11")
    assert await verdicts(world, "42", "43") == ["granted"] * 2


async def test_words_and_texts_are_never_changed(world: World) -> None:
    await create(world, "42")
    await say(world, "42", granted=False)
    await world.service.consent.publish("v1", TextIn(locale="en", text="I agree."), by="k")

    for change in ("consent_words SET granted = true", "consent_texts SET body = 'I agree to all.'"):
        with pytest.raises(DBAPIError, match="never changed"):
            async with world.db.write() as tx:
                await tx.execute(f"UPDATE {change}")


def a_choice(
    message_id: str, minute: float, *, granted: bool, name: str = "Segment Consent Preference Updated", **who: Any
) -> Event[TouchpointReceived]:
    preferences = {"Advertising": granted, "Functional": True}
    return touchpoint(
        message_id, minute=minute, name=name, context={"consent": {"categoryPreferences": preferences}}, **who
    )


async def consume(world: World, service: ProfilesService, *events: Event[TouchpointReceived]) -> None:
    async with world.db.write() as tx:
        await record_touchpoints(service, tx, events)


def declaring(world: World, **variables: str) -> ProfilesService:
    """The service of a firm that declared more."""
    declared = ProfilesSettings.model_validate({f"consent_{name}": value for name, value in variables.items()})
    return replace(world.service, settings=declared)


async def test_a_firm_may_ask_for_the_frequency_with_every_grant(world: World) -> None:
    await create(world, "42")
    strict = replace(world, service=declaring(world, frequency_required="marketing"))

    with pytest.raises(FrequencyMissing):
        await say(strict, "42", granted=True)
    await say(strict, "42", granted=False)
    assert await verdicts(strict, "42") == ["withdrawn"]


async def test_a_firm_may_take_published_texts_alone(world: World) -> None:
    await create(world, "42")
    strict = replace(world, service=declaring(world, texts_required="true"))

    with pytest.raises(TextUnpublished):
        await say(strict, "42", granted=True)
    await strict.service.consent.publish("v1", TextIn(locale="en", text="I agree."), by="k")
    await say(strict, "42", granted=True)
    assert await verdicts(strict, "42") == ["granted"]


async def test_consent_managers_are_heard_in_any_order_and_once(world: World) -> None:
    service = declaring(world, categories="Advertising=marketing/email")
    choices = [
        a_choice("m1", 1, granted=True, anonymous="v"),
        a_choice("m2", 2, granted=False, user="42", anonymous="v"),
        a_choice("m3", 3, granted=True, name="Product Viewed", user="42"),
    ]

    for batch in ([choices[1]], [choices[0], choices[2]], choices):
        await consume(world, service, *batch)

    assert await verdicts(world, "42") == ["withdrawn"]
    rows = await world.rows("SELECT customer_id, granted, proof FROM consent_words ORDER BY event_time")
    assert [(row.customer_id, row.granted) for row in rows] == [(anonymous_key("v"), True), (user_key("42"), False)]
    assert rows[0].proof == {"event_id": str(choices[0].id), "category": "Advertising"}
    assert [(each.subject, each.data.state) for each in await world.announced(ConsentChanged)] == [
        (user_key("42"), "withdrawn")
    ]


async def test_categories_that_stand_for_nothing_are_passed_over(world: World) -> None:
    await consume(world, world.service, a_choice("m1", 1, granted=True, user="42"))

    assert await world.rows("SELECT id FROM consent_words") == []


async def test_a_check_reads_along_the_index(world: World) -> None:
    """What a check of one customer reads does not grow with the customers, nor with the words of this one."""
    await create(world, "42")
    async with world.db.write() as tx:
        await tx.execute(
            """
            INSERT INTO consent_words (id, customer_id, purpose, channel, granted, event_time, recorded_at,
                                       source, recorded_by)
            SELECT gen_random_uuid(), CASE WHEN n % 2 = 0 THEN :key ELSE gen_random_uuid() END, 'marketing', 'email',
                   n % 3 = 0, now() - n * interval '1 minute', now(), 'form', 'test'
            FROM generate_series(1, 20000) AS n
            """,
            {"key": user_key("42")},
        )
    async with world.db.engine.connect() as connection:
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.exec_driver_sql("VACUUM ANALYZE consent_words")
    async with world.db.read() as tx:
        found = await repository.asked(tx, [user_key("42")], MAIL)
        plan = await tx.execute(
            "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + repository.ASKED,
            {"customers": [user_key("42")], **MAIL._asdict()},
        )
        (explained,) = plan.scalar_one()

    assert len(found[user_key("42")]) == 1
    root = explained["Plan"]
    assert root["Shared Hit Blocks"] + root["Shared Read Blocks"] < 40
