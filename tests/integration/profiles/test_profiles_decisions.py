"""What people decide: merge, take apart, and how later evidence meets it."""

from collections.abc import AsyncIterator, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from profiles_world import NOW, World, names, touchpoint

from services.profiles.errors import MergeIntoVisitor, NotMerged, SamePerson
from services.profiles.identity import service as identity
from services.profiles.identity.service import Author
from shared.events.catalogue.touchpoints import TouchpointReceived
from shared.events.envelope import Event
from shared.identity import mapping
from shared.ids import anonymous_key, user_key

BY_HAND = Author(NOW, "key", "test")
A, U, W = anonymous_key("a"), user_key("u"), user_key("w")


async def merge(world: World, from_id: Any, into_id: Any) -> None:
    async with world.db.write() as tx:
        await identity.merge(tx, from_id, into_id, BY_HAND)


async def unmerge(world: World, from_id: Any) -> None:
    async with world.db.write() as tx:
        await identity.unmerge(tx, from_id, BY_HAND)


async def test_what_was_taken_apart_is_not_joined_by_more_evidence(world: World) -> None:
    await world.play(touchpoint("1", user="u", anonymous="a", minute=5))
    await unmerge(world, A)
    await world.play(touchpoint("2", user="u", anonymous="a", minute=1), touchpoint("3", user="w", anonymous="a"))

    assert await world.root(A) == A
    assert names(await world.merges()) == [("Merged", A, U, 1, "identify"), ("Unmerged", A, U, 2, "manual")]
    statuses = await world.rows("SELECT DISTINCT status FROM links")
    assert [row.status for row in statuses] == ["separated"]


async def test_taking_apart_one_side_does_not_let_a_refused_ring_join_the_other(world: World) -> None:
    await world.play(touchpoint("1", user="u", call="alias", previous_id="w", minute=1))
    await world.play(touchpoint("2", user="w", call="alias", previous_id="u", minute=2))
    assert await world.root(W) == U

    await unmerge(world, W)

    assert (await world.root(W), await world.root(U)) == (W, U)


async def test_undoing_a_merge_by_hand_lets_the_evidence_speak(world: World) -> None:
    await world.play(touchpoint("1", anonymous="a"), touchpoint("2", user="w"))
    await merge(world, A, W)
    await world.play(touchpoint("3", user="u", anonymous="a"))
    assert await world.root(A) == W

    await unmerge(world, A)

    assert await world.root(A) == U


async def test_undoing_a_merge_by_hand_accepts_what_would_have_closed_a_ring(world: World) -> None:
    await world.play(touchpoint("1", user="u"), touchpoint("2", user="w"))
    await merge(world, W, U)
    await world.play(touchpoint("3", user="w", call="alias", previous_id="u"))
    assert await world.root(U) == U

    await unmerge(world, W)

    assert (await world.root(U), await world.root(W)) == (W, W)


async def test_merge_by_hand_after_taking_apart_joins_and_its_undoing_parts_again(world: World) -> None:
    await world.play(touchpoint("1", user="u", anonymous="a"))
    await unmerge(world, A)
    await merge(world, A, U)
    assert await world.root(A) == U
    await unmerge(world, A)
    assert await world.root(A) == A


async def test_a_merge_names_the_key_it_was_given(world: World) -> None:
    """Somebody merged `w` into the visitor `a`, who turns out to be no part of `u`: `w` stays with `a`."""
    await world.play(touchpoint("1", user="u", anonymous="a"), touchpoint("2", anonymous="b"))
    await merge(world, anonymous_key("b"), A)
    assert await world.root(anonymous_key("b")) == U

    await unmerge(world, A)

    assert await world.root(anonymous_key("b")) == A


async def test_refusals(world: World) -> None:
    await world.play(touchpoint("1", user="u", anonymous="a"), touchpoint("2", anonymous="b"))
    with pytest.raises(SamePerson):
        await merge(world, A, U)
    with pytest.raises(MergeIntoVisitor):
        await merge(world, U, anonymous_key("b"))
    with pytest.raises(NotMerged):
        await unmerge(world, U)


# Random histories with decisions in between. Minutes differ, so that a history has one truth whatever its ids are.
USERS, VISITORS = ("u", "w", "x"), ("a", "b", "u")
KEYS = [("user", name) for name in USERS] + [("visitor", name) for name in VISITORS]
steps = st.lists(
    st.fixed_dictionaries(
        {
            "do": st.sampled_from(["see", "see", "alias", "alias", "alias", "merge", "merge", "unmerge", "unmerge"]),
            "user": st.sampled_from(USERS),
            "visitor": st.sampled_from(VISITORS),
            "previous": st.sampled_from([*USERS, *USERS, *VISITORS]),
            "one": st.sampled_from(KEYS),
            "other": st.sampled_from(KEYS),
        }
    ),
    min_size=6,
    max_size=12,
)
runs = iter(range(1, 1_000_000))


def key_of(tag: str, key: tuple[str, str]) -> Any:
    kind, name = key
    return user_key(tag + name) if kind == "user" else anonymous_key(tag + name)


def event_of(tag: str, number: int, minute: int, step: dict[str, Any]) -> Event[TouchpointReceived]:
    user, visitor = tag + step["user"], tag + step["visitor"]
    if step["do"] == "alias":
        return touchpoint(f"{tag}{number}", user=user, call="alias", previous_id=tag + step["previous"], minute=minute)
    return touchpoint(f"{tag}{number}", user=user, anonymous=visitor, minute=minute)


async def parts(world: World, tag: str) -> dict[tuple[str, str], tuple[str, str]]:
    """The root of each key, by their names."""
    by_id = {key_of(tag, key): key for key in KEYS}
    async with world.db.read() as tx:
        return {by_id[raw]: by_id[root] for raw, root in (await mapping.roots(tx, by_id)).items()}


async def live(world: World, history: Sequence[dict[str, Any]], minutes: Sequence[int], random: Random | None) -> Any:
    """Play a history; `random` deals the events between two decisions in another order. What was done and how it ended.

    Each merge is undone and done again on the way, which must change nothing.
    """
    tag = f"{next(runs)}-"
    announced: list[Event[Any]] = []
    waiting: list[Event[TouchpointReceived]] = []
    apart: set[tuple[Any, Any]] = set()
    decided: list[tuple[str, bool]] = []
    for number, step in enumerate([*history, {"do": "unmerge", "one": KEYS[0]}]):
        if step["do"] in ("see", "alias"):
            waiting.append(event_of(tag, number, minutes[number], step))
            continue
        middle = 0
        if random is not None:
            random.shuffle(waiting)
            middle = random.randint(0, len(waiting))
        for batch in (waiting[:middle], waiting[middle:]):
            announced += await world.play(*batch)
        waiting = []
        one, other = key_of(tag, step["one"]), key_of(tag, step.get("other", KEYS[0]))
        done, parent = False, None
        async with world.db.write() as tx:
            author = Author(NOW, "key", None)
            before = await parts(world, tag)
            try:
                if step["do"] == "merge":
                    await identity.merge(tx, one, other, author)
                else:
                    parent = (await tx.execute("SELECT parent_id FROM identity WHERE raw_id = :k", {"k": one})).scalar()
                    is_manual = (
                        await tx.execute(
                            "SELECT count(*) FROM decisions WHERE from_id = :k AND kind = 'merge'", {"k": one}
                        )
                    ).scalar()
                    await identity.unmerge(tx, one, author)
                    if not is_manual:
                        apart.add((one, parent))
                done = True
            except (SamePerson, MergeIntoVisitor, NotMerged):
                pass
        announced += tx.emitted
        if step["do"] == "merge" and done:
            apart.clear()
            async with world.db.write() as tx:
                root = before[step["one"]]
                await identity.unmerge(tx, key_of(tag, root), Author(NOW, "key", None))
            announced += tx.emitted
            assert await parts(world, tag) == before
            async with world.db.write() as tx:
                await identity.merge(tx, one, other, author)
            announced += tx.emitted
        decided.append((step["do"], done))
        for left, right in apart:
            assert await world.root(left) != await world.root(right)
    return tag, await parts(world, tag), decided, announced


@pytest.fixture
async def eventful(world: World) -> AsyncIterator[World]:
    """A world where, in the end, decisions and evidence met in every way."""
    yield world
    rows = await world.rows("SELECT status AS what FROM links UNION SELECT kind FROM decisions")
    assert {row.what for row in rows} >= {"accepted", "separated", "overruled", "merge", "apart"}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=steps, seed=st.integers(0, 2**32))
async def test_decisions_and_evidence_in_any_order(eventful: World, history: list[dict[str, Any]], seed: int) -> None:
    """INVARIANT: between two decisions the order of events is nothing; a merge and its undoing are nothing; what was
    taken apart stays apart; whoever follows the announcements, in any order, sees the same people.
    """
    world, random = eventful, Random(seed)
    minutes = random.sample(range(100), len(history))

    _, as_told, decided, _ = await live(world, history, minutes, None)
    tag, shuffled, decided_too, announced = await live(world, history, minutes, random)

    assert shuffled == as_told
    assert decided_too == decided
    random.shuffle(announced)
    merges = [event for event in announced if hasattr(event.data, "from_id")]
    async with world.mirror.write() as tx:
        for event in merges:
            await mapping.follow(tx, [event])
    async with world.mirror.read() as tx:
        ids = {key_of(tag, key): key for key in KEYS}
        assert {ids[raw]: ids[root] for raw, root in (await mapping.roots(tx, ids)).items()} == shuffled
