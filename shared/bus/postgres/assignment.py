"""Who should read what: pure arithmetic, the same answer in every process.

Each topic's partitions are shared evenly; what does not divide goes to those who hold most already. So a joiner takes
only what it must have, and nothing moves without need.
"""

import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from shared.bus.base import Partition


@dataclass(frozen=True, slots=True)
class GroupState:
    """A group as the database has it: its members with their topics, who owns what, the sizes of the topics."""

    members: Mapping[UUID, frozenset[str]]
    owners: Mapping[Partition, UUID]
    partitions: Mapping[str, int]

    def owned_by(self, member: UUID) -> frozenset[Partition]:
        """The partitions of a member."""
        return frozenset(partition for partition, owner in self.owners.items() if owner == member)


@dataclass(frozen=True, slots=True)
class Step:
    """What a member should give up, and what it may take at once."""

    release: frozenset[Partition]
    take: frozenset[Partition]


def _quota(topic: str, count: int, held: Mapping[UUID, int], member: UUID) -> int:
    """How many of the topic's partitions are the member's share, given what each interested member holds."""
    base, extra = divmod(count, len(held))
    # Ties are broken differently per topic, so that one member does not get the larger share of all.
    ranked = sorted(held, key=lambda other: (-held[other], zlib.crc32(topic.encode() + other.bytes)))
    return base + (1 if ranked.index(member) < extra else 0)


def next_step(state: GroupState, member: UUID) -> Step:
    """What `member` should do now. It takes only what nobody owns; others give up what is too much for them."""
    release: set[Partition] = set()
    take: set[Partition] = set()
    mine = state.owned_by(member)
    for topic, count in state.partitions.items():
        own = sorted(partition for partition in mine if partition.topic == topic)
        if topic not in state.members[member]:
            release.update(own)
            continue
        held = {other: 0 for other, topics in state.members.items() if topic in topics}
        for partition, owner in state.owners.items():
            if partition.topic == topic and owner in held:
                held[owner] += 1
        quota = _quota(topic, count, held, member)
        release.update(own[quota:])
        free = _unowned(topic, count, state.owners)
        take.update(free[: max(0, quota - len(own))])
    release.update(partition for partition in mine if partition.topic not in state.partitions)
    return Step(frozenset(release), frozenset(take))


def _unowned(topic: str, count: int, owners: Collection[Partition]) -> list[Partition]:
    return [partition for index in range(count) if (partition := Partition(topic, index)) not in owners]
