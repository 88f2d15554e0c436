"""Random histories: any order and repetition ends in the same people, and every follower agrees.

The oracle is written from the rules, shares no code with the service, and looks at the whole history at once.
"""

from collections.abc import AsyncIterator, Sequence
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from profiles_world import World, touchpoint

from services.profiles.people import repository
from shared.db.engine import ReadTx
from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged
from shared.events.catalogue.touchpoints import TouchpointReceived
from shared.events.envelope import Event
from shared.identity import mapping
from shared.ids import anonymous_key, user_key

Touchpoint = Event[TouchpointReceived]

# "u" is a user's id and a visitor's: an alias of it may mean either. So few that rings and shared devices are common.
USERS, VISITORS = ("u", "w", "x"), ("a", "b", "u")
TRAITS, VALUES = ("name", "city", "email"), (None, "Nguyễn Văn A", "Huế", "a@b.vn", {"số": [1, 2.5, None]})

histories = st.lists(
    st.fixed_dictionaries(
        {
            "call": st.sampled_from(["track", "identify", "identify", "alias", "alias", "alias"]),
            "user": st.sampled_from([*USERS, *USERS, None]),
            "anonymous": st.sampled_from([None, *VISITORS]),
            "previous": st.sampled_from([*USERS, *USERS, *VISITORS]),
            "minute": st.integers(0, 6),
            "traits": st.dictionaries(st.sampled_from(TRAITS), st.sampled_from(VALUES), max_size=3),
        }
    ).filter(lambda told: told["user"] or told["anonymous"]),
    min_size=4,
    max_size=14,
)
runs = iter(range(1, 1_000_000))


def events_of(history: Sequence[dict[str, Any]]) -> list[Touchpoint]:
    """The history with fresh ids, so that many runs share a database."""
    tag = f"{next(runs)}-"
    events = []
    for number, told in enumerate(history):
        user = told["user"] and tag + told["user"]
        anonymous = told["anonymous"] and tag + told["anonymous"]
        call = "track" if told["call"] == "alias" and user is None else told["call"]
        events.append(
            touchpoint(
                f"{tag}{number}",
                user=user,
                anonymous=anonymous,
                call=call,
                minute=told["minute"],
                traits=told["traits"] if call == "identify" else {},
                previous_id=tag + told["previous"] if call == "alias" else None,
            )
        )
    return events


def evidence_of(event: Touchpoint) -> list[UUID]:
    """The keys that the event says are its subject."""
    data = event.data
    found = [anonymous_key(data.anonymous_id)] if data.user_id and data.anonymous_id else []
    if data.call == "alias" and data.previous_id:
        found += [anonymous_key(data.previous_id), user_key(data.previous_id)]
    return [key for key in found if key != event.subject]


def oracle(events: Sequence[Touchpoint]) -> tuple[dict[UUID, UUID], dict[UUID, dict[str, Any]]]:
    """The root of each key, and the traits of each root."""
    parents: dict[UUID, UUID] = {}

    def root(key: UUID) -> UUID:
        return root(parents[key]) if key in parents else key

    keys = {event.subject for event in events}
    in_order = sorted(events, key=lambda event: (event.time, event.id))
    for event in in_order:
        for key in evidence_of(event):
            keys.add(key)
            if key not in parents and root(event.subject) != key:
                parents[key] = event.subject
    traits: dict[UUID, dict[str, Any]] = {root(key): {} for key in keys}
    for event in in_order:
        traits[root(event.subject)].update(event.data.traits)
    return {key: root(key) for key in keys}, {
        key: {name: value for name, value in held.items() if value is not None} for key, held in traits.items()
    }


def dealt(events: Sequence[Any], random: Random, *, repeats: int) -> list[list[Any]]:
    """The events in another order, some of them again, in batches."""
    cards = [*events, *random.choices(events, k=repeats)] if events else []
    random.shuffle(cards)
    batches: list[list[Any]] = [[]]
    for card in cards:
        if random.random() < 0.3:
            batches.append([])
        batches[-1].append(card)
    return [batch for batch in batches if batch]


async def traits_of(tx: ReadTx, roots: set[UUID]) -> dict[UUID, dict[str, Any]]:
    members = await mapping.members(tx, roots)
    return {root: {row.name: row.value for row in await repository.traits(tx, keys)} for root, keys in members.items()}


@pytest.fixture
async def eventful(world: World) -> AsyncIterator[World]:
    """A world where, in the end, everything that can go wrong did."""
    yield world
    rows = await world.rows("SELECT status AS what FROM links UNION SELECT reason FROM merge_log")
    happened = {row.what for row in rows}
    assert happened >= {"accepted", "shared_device", "already_linked", "cycle", "earlier_link", "identify", "alias"}
    rings = await world.rows("SELECT count(*) AS number FROM links WHERE status = 'cycle'")
    assert rings[0].number >= 5


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories, seed=st.integers(0, 2**32))
async def test_any_order_and_repetition_ends_in_the_same_people(
    eventful: World, history: list[dict[str, Any]], seed: int
) -> None:
    """INVARIANT: people and their traits are a function of the set of touchpoints, and followers see the same people.

    Breaks if a link is judged by what came first, if a ring depends on the order, or if versions of a key do not grow.
    """
    world, random = eventful, Random(seed)
    events = events_of(history)
    roots, traits = oracle(events)

    announced: list[Event[Any]] = []
    for batch in dealt(events, random, repeats=3):
        announced += await world.play(*batch)
    merges = [each for each in announced if isinstance(each.data, CustomerMerged | CustomerUnmerged)]
    for batch in dealt(merges, random, repeats=2):
        async with world.mirror.write() as tx:
            await mapping.follow(tx, batch)

    async with world.db.read() as tx:
        assert await mapping.roots(tx, roots) == roots
        assert await traits_of(tx, set(roots.values())) == traits
    async with world.mirror.read() as tx:
        assert await mapping.roots(tx, roots) == roots
    assert {event.data.from_id: event.data.version for event in merges} == {
        row.raw_id: row.version
        for row in await world.rows("SELECT raw_id, version FROM identity WHERE raw_id = ANY(:k)", k=list(roots))
    }
