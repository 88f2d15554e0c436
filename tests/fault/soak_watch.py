"""What is seen of an installation while it works for long, and what may be said of it afterwards."""

import os
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from installation import Installation
from load_run import Traffic

from shared.runtime.progress import pending
from shared.testing.platform import PlatformProcess

TICKS = os.sysconf("SC_CLK_TCK")
# Python's and PostgreSQL's caches fill at first: what grows after the first third grows for ever.
SETTLING = 3


class Moment(NamedTuple):
    """One look: seconds of the run, MB and CPU seconds of each process, what was sent and what was on its way."""

    at: float
    memory: Mapping[str, float]
    cpu: Mapping[str, float]
    events: int
    behind: int


@dataclass
class Watch:
    """All looks of a run at `rate` events a second."""

    rate: float
    moments: list[Moment] = field(default_factory=list)

    async def look(
        self, at: float, firm: Installation, processes: Mapping[str, PlatformProcess], load: Traffic
    ) -> None:
        """Look once."""
        memory = {name: _megabytes(process.pid) for name, process in processes.items()}
        cpu = {name: _cpu_seconds(process.pid) for name, process in processes.items()}
        behind = await pending(firm.bus, firm.databases)
        self.moments.append(Moment(round(at, 1), memory, cpu, load.session.timing.events, behind))

    def memory(self, name: str) -> list[float]:
        """MB of a process, look by look."""
        return [each.memory[name] for each in self.moments]

    def growth(self, name: str) -> float:
        """The median of the last third over that of the middle one."""
        return _last(self.memory(name)) / _middle(self.memory(name))

    def drift(self, name: str) -> float:
        """MB an hour that a straight line through the last two thirds rises by."""
        settled = self.moments[len(self.moments) // SETTLING :]
        times, sizes = [each.at / 3_600 for each in settled], [each.memory[name] for each in settled]
        return statistics.linear_regression(times, sizes).slope

    def falls_behind(self) -> bool:
        """Whether more was on its way at the end than in the middle, by more than two seconds' worth of events."""
        behind = [each.behind for each in self.moments]
        # An event is several records: the raw one, the touchpoint, a fact, and each consumer has it before it.
        return _last(behind) > 1.25 * _middle(behind) + 2 * self.rate * 10

    def cores(self, name: str) -> float:
        """Cores that a process used in the mean: 0.5 is half of what one process can do."""
        first, last = self.moments[0], self.moments[-1]
        return (last.cpu[name] - first.cpu[name]) / (last.at - first.at)

    def document(self) -> dict[str, Any]:
        """As JSON, with a column for each thing seen."""
        names = list(self.moments[0].memory)
        return {
            "cores": {name: round(self.cores(name), 3) for name in names},
            "memory_growth": {name: round(self.growth(name), 4) for name in names},
            "memory_drift_mb_an_hour": {name: round(self.drift(name), 2) for name in names},
            "seen": {
                "seconds": [each.at for each in self.moments],
                **{f"{name} MB": [round(size, 1) for size in self.memory(name)] for name in names},
                "events sent": [each.events for each in self.moments],
                "on the way": [each.behind for each in self.moments],
            },
        }


def _third(seen: Sequence[float]) -> int:
    return len(seen) // SETTLING


def _middle(seen: Sequence[float]) -> float:
    return statistics.median(seen[_third(seen) : 2 * _third(seen)])


def _last(seen: Sequence[float]) -> float:
    return statistics.median(seen[-_third(seen) :])


def _megabytes(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024 / 1e6


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / TICKS
