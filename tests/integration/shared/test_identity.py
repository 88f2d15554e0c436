"""Who is whom: merges and unmerges in any order, doubled or late, end in the same mapping."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.db.engine import Database
from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged
from shared.events.envelope import Event
from shared.identity.mapping import follow, hold, members, roots

MOMENT = datetime(2026, 1, 31, tzinfo=UTC)
PEOPLE = [UUID(int=number) for number in range(1, 7)]
A, B, C, D, E, F = PEOPLE
Change = Event[CustomerMerged] | Event[CustomerUnmerged]


def merged(child: UUID, parent: UUID, version: int) -> Change:
    data = CustomerMerged(from_id=child, into_id=parent, version=version, reason="identify")
    return Event(uuid4(), child, MOMENT, MOMENT, data)


def unmerged(child: UUID, parent: UUID, version: int) -> Change:
    data = CustomerUnmerged(from_id=child, into_id=parent, version=version, reason="manual")
    return Event(uuid4(), child, MOMENT, MOMENT, data)


async def told(db: Database, *events: Change) -> Mapping[UUID, tuple[UUID, UUID]]:
    async with db.write() as tx:
        return await follow(tx, events)


async def mapping(db: Database) -> dict[UUID, UUID]:
    async with db.read() as tx:
        return await roots(tx, PEOPLE)


async def forget(db: Database) -> None:
    async with db.write() as tx:
        await tx.execute("TRUNCATE identity")


def truth(events: Sequence[Change]) -> dict[UUID, UUID]:
    """The mapping by brute force: the newest word about each key, then up to the root; a ring has its smallest key."""
    parents: dict[UUID, UUID | None] = {}
    for event in sorted(events, key=lambda each: each.data.version):
        parents[event.data.from_id] = event.data.into_id if isinstance(event.data, CustomerMerged) else None
    found = {}
    for person in PEOPLE:
        chain = [person]
        while (parent := parents.get(chain[-1])) is not None and parent not in chain:
            chain.append(parent)
        found[person] = chain[-1] if parent is None else min(chain[chain.index(parent) :])
    return found


async def test_who_was_never_merged_is_themself(db: Database):
    assert await mapping(db) == {person: person for person in PEOPLE}


async def test_a_merge_is_followed_and_says_what_it_changed(db: Database):
    assert await told(db, merged(A, B, 1)) == {A: (A, B)}
    assert (await mapping(db))[A] == B


async def test_a_chain_is_followed_to_its_end(db: Database):
    await told(db, merged(A, B, 1))

    assert await told(db, merged(B, C, 1)) == {A: (B, C), B: (B, C)}


async def test_a_chain_may_come_backwards(db: Database):
    await told(db, merged(B, C, 1))

    assert await told(db, merged(A, B, 1)) == {A: (A, C)}


async def test_an_unmerge_is_the_inverse(db: Database):
    await told(db, merged(A, B, 1), merged(B, C, 1))

    assert await told(db, unmerged(B, C, 2)) == {A: (C, B), B: (C, B)}
    assert await told(db, unmerged(A, B, 2)) == {A: (B, A)}
    assert await mapping(db) == {person: person for person in PEOPLE}


async def test_a_repeat_changes_nothing(db: Database):
    event = merged(A, B, 1)
    await told(db, event)

    assert await told(db, event) == {}
    assert await told(db, event, event) == {}


async def test_an_older_word_that_comes_late_changes_nothing(db: Database):
    await told(db, unmerged(A, B, 2))

    assert await told(db, merged(A, B, 1)) == {}
    assert (await mapping(db))[A] == A


async def test_of_several_words_at_once_the_newest_holds(db: Database):
    assert await told(db, merged(A, D, 3), merged(A, B, 1), merged(A, C, 2)) == {A: (A, D)}


async def test_a_ring_that_stands_for_a_moment_is_opened(db: Database):
    """A into B, then B let go and into A; the second word comes before the first is taken back."""
    await told(db, merged(A, B, 1), merged(C, A, 1))
    await told(db, merged(B, A, 2))
    assert await mapping(db) == {**{person: person for person in PEOPLE}, A: A, B: A, C: A}

    await told(db, unmerged(A, B, 2))

    assert await mapping(db) == {**{person: person for person in PEOPLE}, B: A, C: A}


async def test_members_are_all_keys_of_a_person(db: Database):
    await told(db, merged(C, A, 1), merged(B, C, 1))

    async with db.read() as tx:
        assert await members(tx, [A, D]) == {A: [A, B, C], D: [D]}


changes = st.lists(
    st.tuples(st.sampled_from(PEOPLE), st.none() | st.sampled_from(PEOPLE)).filter(lambda pair: pair[0] != pair[1]),
    min_size=1,
    max_size=14,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=changes, data=st.data())
async def test_any_order_with_repeats_ends_in_the_same_mapping(
    db: Database, changes: list[tuple[UUID, UUID | None]], data: st.DataObject
):
    """INVARIANT: the mapping is a function of the set of events, not of how they came.

    Breaks if a ring of a moment is not settled again, if a late older word overwrites, or if keys far below a moved
    one are forgotten.
    """
    events: list[Change] = [
        unmerged(child, child, version) if parent is None else merged(child, parent, version)
        for version, (child, parent) in enumerate(changes, start=1)
    ]
    shuffled = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events), max_size=4))))
    cuts = data.draw(st.lists(st.integers(0, len(shuffled)), max_size=4).map(sorted))
    batches = [shuffled[start:end] for start, end in zip([0, *cuts], [*cuts, len(shuffled)], strict=True)]
    await forget(db)

    known = {person: person for person in PEOPLE}
    for batch in batches:
        changed = await told(db, *batch)
        now = await mapping(db)
        assert changed == {person: (known[person], now[person]) for person in PEOPLE if known[person] != now[person]}
        known = now

    assert known == truth(events)
    async with db.read() as tx:
        families = await members(tx, PEOPLE)
    assert families == {root: sorted({root} | {raw for raw in PEOPLE if known[raw] == root}) for root in PEOPLE}


async def test_a_merge_waits_for_writers_and_sees_what_they_wrote(db: Database):
    """INVARIANT: no fact is written under a mapping that a merge has already left behind.

    Breaks if `hold` and `follow` do not meet on one lock: the fact below would be missed by the merge's sweep.
    """
    async with db.write() as writing:
        await hold(writing)
        merging = asyncio.create_task(told(db, merged(A, B, 1)))
        await asyncio.sleep(0.2)
        assert not merging.done()
        await writing.execute("INSERT INTO effects (what) VALUES ('written before the merge')")

    assert await merging == {A: (A, B)}


async def test_writers_go_on_side_by_side(db: Database):
    async with asyncio.timeout(5), db.write() as one, db.write() as two:
        await hold(one)
        await hold(two)


async def test_a_merge_is_undone_with_its_transaction(db: Database):
    try:
        async with db.write() as tx:
            await follow(tx, [merged(A, B, 1)])
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass

    assert (await mapping(db))[A] == A
