"""Who should read what in the PostgreSQL log."""

from collections import Counter
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.bus.base import Partition
from shared.bus.postgres.assignment import GroupState, next_step

TOPICS = {"orders": 4, "touchpoints": 7, "identity": 1}


def uid(number: int) -> UUID:
    return UUID(int=number * 7_919)


@st.composite
def states(draw: st.DrawFn) -> GroupState:
    """A group in any state a crash may leave it in: some partitions owned, by members that may not want them."""
    members = {
        uid(number): frozenset(draw(st.sets(st.sampled_from(sorted(TOPICS)))))
        for number in range(draw(st.integers(1, 9)))
    }
    everything = [Partition(topic, index) for topic, count in TOPICS.items() for index in range(count)]
    owned = draw(st.lists(st.sampled_from(everything), unique=True))
    owners = {partition: draw(st.sampled_from(sorted(members))) for partition in owned}
    return GroupState(members, owners, TOPICS)


def settle(state: GroupState, order: list[UUID]) -> tuple[GroupState, int]:
    """Let members act in turn until nobody has anything to do; the end, and how many partitions changed hands."""
    owners = dict(state.owners)
    moves = 0
    for _ in range(100):
        before = dict(owners)
        for member in order:
            step = next_step(GroupState(state.members, owners, state.partitions), member)
            for partition in step.release:
                assert owners.pop(partition) == member
            if step.release:
                continue
            for partition in step.take:
                assert partition not in owners
                owners[partition] = member
                moves += 1
        if owners == before:
            return GroupState(state.members, owners, state.partitions), moves
    raise AssertionError("the group does not settle")


@given(states(), st.randoms())
def test_a_group_settles_in_an_even_share_from_any_state(state: GroupState, random):
    """INVARIANT: each topic's partitions are all owned, by members that want them, evenly to within one."""
    order = sorted(state.members)
    random.shuffle(order)

    settled, _ = settle(state, order)

    for topic, count in TOPICS.items():
        wanting = [member for member, topics in state.members.items() if topic in topics]
        shares = Counter(owner for partition, owner in settled.owners.items() if partition.topic == topic)
        assert sum(shares.values()) == (count if wanting else 0)
        assert set(shares) <= set(wanting)
        if wanting:
            assert max(shares[member] for member in wanting) - min(shares[member] for member in wanting) <= 1


@given(st.integers(1, 8))
def test_a_joiner_moves_only_what_it_must(number: int):
    """INVARIANT: when a member joins, only its own share changes hands."""
    members = {uid(each): frozenset(TOPICS) for each in range(number)}
    settled, _ = settle(GroupState(members, {}, TOPICS), sorted(members))
    joined = GroupState({**members, uid(number): frozenset(TOPICS)}, settled.owners, TOPICS)

    after, moves = settle(joined, sorted(joined.members))

    assert moves == len(after.owned_by(uid(number)))
    assert all(after.owners[partition] in (owner, uid(number)) for partition, owner in settled.owners.items())


def test_the_larger_shares_are_spread_over_members():
    """INVARIANT: what does not divide does not always go to the same member."""
    members = {uid(each): frozenset(("a", "b", "c", "d", "e", "f")) for each in range(2)}

    settled, _ = settle(GroupState(members, {}, dict.fromkeys("abcdef", 1)), sorted(members))

    assert all(0 < len(settled.owned_by(member)) < 6 for member in members)
