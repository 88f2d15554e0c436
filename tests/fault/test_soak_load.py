"""A day at work, without misfortunes: `TAM_TEST_SOAK` seconds of shop traffic at `TAM_TEST_SOAK_RATE` events a second.

Memory stays flat, nobody falls behind, all that was sent is what the platform says, and what is rebuilt from the log
is what there was.
"""

import asyncio
import os
import re
import statistics
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from installation import Install, Installation
from load_run import PEPPER, traffic

from shared.runtime.progress import digest, empty_projection, pending
from shared.testing.platform import PlatformProcess

SECONDS = float(os.environ.get("TAM_TEST_SOAK", "0"))
# Half of what a core does with batches of this size, as `deploy/SIZING.md` has it.
RATE = float(os.environ.get("TAM_TEST_SOAK_RATE", "50"))
LOOKS = 60
# Python's and PostgreSQL's caches fill at first: from the third of the run on nothing may grow.
MOST_GROWTH = 1.05


@pytest.fixture
async def firm(install: Install, database_url: str) -> AsyncIterator[Installation]:
    async with install(database_url, **PEPPER) as made:
        yield made


@dataclass
class Watch:
    """What was seen while it ran: megabytes of each process, and how much was on its way."""

    memory: dict[str, list[float]] = field(default_factory=dict)
    behind: list[int] = field(default_factory=list)

    async def look(self, firm: Installation, processes: dict[str, PlatformProcess]) -> None:
        """Look once."""
        for name, process in processes.items():
            found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
            assert found is not None
            self.memory.setdefault(name, []).append(int(found[1]) / 1e3)
        self.behind.append(await pending(firm.bus, firm.databases))

    def growth(self, name: str) -> float:
        """The last third over the middle one."""
        seen = self.memory[name]
        third = len(seen) // 3
        return statistics.median(seen[-third:]) / statistics.median(seen[third : 2 * third])

    def falls_behind(self) -> bool:
        """Whether more was on its way at the end than in the middle, by more than two seconds' worth of events."""
        third = len(self.behind) // 3
        before, after = self.behind[third : 2 * third], self.behind[-third:]
        # An event is several records: the raw one, the touchpoint, a fact, and each consumer has it before it.
        return statistics.median(after) > 1.25 * statistics.median(before) + 2 * RATE * 10


async def digests(firm: Installation) -> dict[str, str]:
    """A digest of every table that is a function of the log, of all services."""
    return {
        f"{service.name}.{table}": found
        for service, db in firm.databases
        for projection in service.projections
        for table, found in (await digest(db, projection.tables)).items()
        if (service.name, table) != ("tally", "journal")
    }


@pytest.mark.long
@pytest.mark.skipif(SECONDS == 0, reason="TAM_TEST_SOAK says for how many seconds")
@pytest.mark.timeout(SECONDS * 2 + 900)
async def test_a_long_day(firm: Installation):
    processes = {role: firm.process(role=role) for role in ("api", "worker")}
    for each in processes.values():
        await each.start()
    watch = Watch()
    async with traffic(firm, [processes["api"]], rate=RATE, customers=2_000) as load:
        for _ in range(LOOKS):
            await asyncio.sleep(SECONDS / LOOKS)
            await watch.look(firm, processes)
        verdict = await load.judged(at_most=1_000)
        waits = load.session.document(verdict)["sent"]

    await firm.settled(patience_seconds=300)
    live = await digests(firm)
    for service, db in firm.databases:
        for projection in service.projections:
            await empty_projection(db, projection)
    await firm.settled(patience_seconds=300)
    rebuilt = await digests(firm)

    growth = {name: round(watch.growth(name), 3) for name in processes}
    print(f"{load.story()}; {waits}; memory {growth}, {watch.memory}; on the way {watch.behind}")
    print(f"{verdict.persons} people, {verdict.events} events, {len(live)} tables equal after a replay")
    assert verdict.differences == []
    assert not watch.falls_behind()
    assert max(growth.values()) <= MOST_GROWTH
    assert {name for name in live if live[name] != rebuilt[name]} == set()


def test_the_watch_sees_what_grows():
    """A watch that sees nothing would call every day a good one."""
    watch = Watch(
        {"leaks": [100 + number for number in range(60)], "flat": [100.0] * 60}, list(range(0, 60_000, 1_000))
    )

    assert watch.growth("leaks") > MOST_GROWTH
    assert watch.growth("flat") == 1
    assert watch.falls_behind()
