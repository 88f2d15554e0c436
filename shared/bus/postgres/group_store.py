"""The group tables: who is a member, who owns which partition, how far a group has read.

Times are the database's. A change of members or owners holds the group's advisory lock, so members act one by one.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from shared.bus.base import Partition
from shared.bus.postgres.assignment import GroupState, next_step
from shared.bus.postgres.connections import Connections

QUERY_SECONDS = 5.0
# The first half of the advisory locks of groups; the second is a hash of the name.
_LOCK = 7_261

_READ = """
    SELECT 'member' AS kind, member, topics, NULL AS topic, 0 AS number,
           extract(epoch FROM clock_timestamp() - heartbeat)::float8 AS age
    FROM members WHERE grp = $1
    UNION ALL
    SELECT 'owner', member, NULL, topic, partition, 0 FROM assignments WHERE grp = $1
    UNION ALL
    SELECT 'topic', NULL, NULL, name, partitions, 0 FROM topics WHERE name = ANY($2::text[])
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A group, and the members whose last heartbeat is older than a session."""

    state: GroupState
    expired: frozenset[UUID]


class GroupStore:
    """The tables, as one member of one group uses them."""

    def __init__(
        self, connections: Connections, *, group: str, member: UUID, topics: Collection[str], session_seconds: float
    ) -> None:
        self._connections = connections
        self._group = group
        self.member = member
        self._topics = list(topics)
        self._session = session_seconds

    async def beat(self) -> Seen | None:
        """Say that we live, and see the group; None if we were expelled."""
        async with self._connections.use(QUERY_SECONDS) as connection:
            status = await connection.execute(
                "UPDATE members SET heartbeat = clock_timestamp() WHERE grp = $1 AND member = $2",
                self._group,
                self.member,
            )
            return await self._read(connection) if status == "UPDATE 1" else None

    async def join(self) -> None:
        """Become a member."""
        async with self._connections.transaction(QUERY_SECONDS) as connection:
            await self._lock(connection)
            await connection.execute(
                "INSERT INTO members (grp, member, topics) VALUES ($1, $2, $3::text[]) "
                "ON CONFLICT (grp, member) DO UPDATE SET heartbeat = clock_timestamp()",
                self._group,
                self.member,
                self._topics,
            )

    async def expel(self) -> None:
        """Remove the members whose session has ended; what they owned is free."""
        async with self._connections.transaction(QUERY_SECONDS) as connection:
            await self._lock(connection)
            await connection.execute(
                "DELETE FROM members WHERE grp = $1 AND member <> $2 "
                "AND heartbeat < clock_timestamp() - make_interval(secs => $3)",
                self._group,
                self.member,
                self._session,
            )

    async def take_share(self) -> frozenset[Partition]:
        """Take what is free and ours by right; all that we own now."""
        async with self._connections.transaction(QUERY_SECONDS) as connection:
            await self._lock(connection)
            state = (await self._read(connection)).state
            if self.member not in state.members:
                return frozenset()
            step = next_step(state, self.member)
            await connection.executemany(
                "INSERT INTO assignments (grp, topic, partition, member) VALUES ($1, $2, $3, $4)",
                [(self._group, taken.topic, taken.index, self.member) for taken in sorted(step.take)],
            )
            return state.owned_by(self.member) | step.take

    async def release(self, partitions: Collection[Partition]) -> None:
        """Give partitions back; nobody may work on them any more."""
        async with self._connections.use(QUERY_SECONDS) as connection:
            await connection.execute(
                "DELETE FROM assignments a USING unnest($3::text[], $4::int[]) AS r(topic, partition) "
                "WHERE a.grp = $1 AND a.member = $2 AND a.topic = r.topic AND a.partition = r.partition",
                self._group,
                self.member,
                [partition.topic for partition in partitions],
                [partition.index for partition in partitions],
            )

    async def leave(self) -> None:
        """End the membership, and with it what we own."""
        async with self._connections.use(QUERY_SECONDS) as connection:
            await connection.execute("DELETE FROM members WHERE grp = $1 AND member = $2", self._group, self.member)

    async def committed(self) -> dict[Partition, int]:
        """The group's positions."""
        async with self._connections.use(QUERY_SECONDS) as connection:
            rows = await connection.fetch(
                "SELECT topic, partition, next_offset FROM positions WHERE grp = $1 AND topic = ANY($2::text[])",
                self._group,
                self._topics,
            )
        return {Partition(topic, index): offset for topic, index, offset in rows}

    async def commit(self, positions: Mapping[Partition, int]) -> None:
        """Store the group's positions."""
        ordered = sorted(positions.items())
        async with self._connections.use(QUERY_SECONDS) as connection:
            await connection.execute(
                "INSERT INTO positions (grp, topic, partition, next_offset) "
                "SELECT $1, * FROM unnest($2::text[], $3::int[], $4::bigint[]) "
                "ON CONFLICT (grp, topic, partition) DO UPDATE SET next_offset = EXCLUDED.next_offset",
                self._group,
                [partition.topic for partition, _ in ordered],
                [partition.index for partition, _ in ordered],
                [offset for _, offset in ordered],
            )

    async def _lock(self, connection: asyncpg.Connection) -> None:
        await connection.execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", _LOCK, self._group)

    async def _read(self, connection: asyncpg.Connection) -> Seen:
        members: dict[UUID, frozenset[str]] = {}
        owners: dict[Partition, UUID] = {}
        partitions: dict[str, int] = {}
        expired: set[UUID] = set()
        for kind, member, topics, topic, number, age in await connection.fetch(_READ, self._group, self._topics):
            if kind == "member":
                members[member] = frozenset(topics)
                if age > self._session and member != self.member:
                    expired.add(member)
            elif kind == "owner":
                owners[Partition(topic, number)] = member
            else:
                partitions[topic] = number
        return Seen(GroupState(members, owners, partitions), frozenset(expired))
