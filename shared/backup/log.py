"""Whether Kafka is the log that a back-up belongs to, and what it holds of what came since."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.backup.dumping import text_of
from shared.backup.errors import OtherLog
from shared.backup.manifest import Manifest
from shared.bus.base import Bus, Partition, UnknownTopic


@dataclass(frozen=True, slots=True)
class Since:
    """`again`: records that consumers will read again, by topic. `gone`: those the log has let go of unread."""

    again: Mapping[str, int]
    gone: Mapping[str, int]


async def since(bus: Bus, manifest: Manifest) -> Since:
    """What came after the back-up, as far as its consumers have to read it.

    Raises:
        OtherLog: a consumer has read further than the log goes: it is another, or was made anew.
    """
    again: dict[str, int] = {}
    gone: dict[str, int] = {}
    ranges = await _ranges(bus, {place.topic for _, place, _ in manifest.read_on()})
    lowest: dict[Partition, int] = {}
    for group, place, position in manifest.read_on():
        start, end = ranges.get(place, (0, 0))
        if position > end:
            raise OtherLog(
                f"{group} has read {text_of(place)} up to {position}, and it ends at {end}: this is not the log that "
                "the back-up belongs to. If that is lost for good, --new-log begins with this one."
            )
        lowest[place] = min(position, lowest.get(place, position))
        if position < start:
            gone[place.topic] = max(gone.get(place.topic, 0), start - position)
    for place, position in lowest.items():
        start, end = ranges.get(place, (0, 0))
        if number := end - max(start, position):
            again[place.topic] = again.get(place.topic, 0) + number
    return Since(again, gone)


async def _ranges(bus: Bus, topics: set[str]) -> dict[Partition, tuple[int, int]]:
    found: dict[Partition, tuple[int, int]] = {}
    for topic in sorted(topics):
        try:
            starts, ends = await bus.start_offsets(topic), await bus.end_offsets(topic)
        except UnknownTopic:
            continue
        found.update({place: (starts.get(place, 0), end) for place, end in ends.items()})
    return found
