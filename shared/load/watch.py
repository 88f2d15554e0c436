"""What a run looked like while it ran: how fast it went, how long answers took, what was behind, and memory."""

import asyncio
import contextlib
from array import array
from collections import defaultdict
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import httpx

from shared.load import look
from shared.load.wire import GaveUp, Wire

_LEAST_SECONDS = 1.0
# So many looks at most: they cost those who are looked at.
_LOOKS = 120
_MEMORY = "process_resident_memory_bytes "


@dataclass
class Watch:
    """Columns of looks, `at` in seconds of the run, and the answers of every slot of `slot_seconds`."""

    slot_seconds: float
    at: list[float] = field(default_factory=list)
    behind: list[int] = field(default_factory=list)
    memory_mb: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    waits: dict[int, "array[float]"] = field(default_factory=lambda: defaultdict(lambda: array("d")))
    events: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    @classmethod
    def of(cls, seconds: float) -> "Watch":
        """For a run of so many seconds."""
        return cls(max(_LEAST_SECONDS, seconds / _LOOKS))

    def answered(self, at: float, waited: float, events: int) -> None:
        """An act of so many events was answered at a second of the run, so long after it was due."""
        slot = int(at / self.slot_seconds)
        self.waits[slot].append(waited)
        self.events[slot] += events

    async def look_on(self, wire: Wire) -> None:
        """Look now and then, until it is cancelled."""
        began = monotonic()
        while True:
            await self._look(wire, monotonic() - began)
            await asyncio.sleep(self.slot_seconds)

    async def _look(self, wire: Wire, at: float) -> None:
        """A server that does not answer now is not looked at: whoever sends notices."""
        with contextlib.suppress(GaveUp, httpx.HTTPError):
            behind = sum((await look.look_at_backlog(wire)).values())
            memory = {str(client.base_url): await _memory_mb(client) for client in wire.clients}
            self.at.append(round(at, 3))
            self.behind.append(behind)
            for name, megabytes in memory.items():
                self.memory_mb[name].append(megabytes)

    def document(self) -> dict[str, Any]:
        """As JSON: events a second and milliseconds of each slot, and the looks."""
        slots = range(max(self.waits, default=-1) + 1)
        rates = [round(self.events.get(slot, 0) / self.slot_seconds, 1) for slot in slots]
        return {
            "slot_seconds": self.slot_seconds,
            "events_per_second": rates,
            "p50_ms": [_share(self.waits.get(slot), 0.5) for slot in slots],
            "p99_ms": [_share(self.waits.get(slot), 0.99) for slot in slots],
            "looked_at_seconds": self.at,
            "behind": self.behind,
            "memory_mb": dict(self.memory_mb),
        }


def _share(waits: "array[float] | None", share: float) -> float | None:
    if not waits:
        return None
    ordered = sorted(waits)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1e3, 1)


async def _memory_mb(client: httpx.AsyncClient) -> float:
    """Resident memory of the process that answers; 0 where its figures are not to be had."""
    told = (await client.get("/metrics")).text
    line = next((line for line in told.splitlines() if line.startswith(_MEMORY)), f"{_MEMORY}0")
    return round(float(line.removeprefix(_MEMORY)) / 1e6, 1)
