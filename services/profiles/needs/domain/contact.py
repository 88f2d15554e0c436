"""Whether somebody may be written to: what consent says of each channel for which an address is known."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from services.profiles.consent.domain import Pair, Reason, Registry, Word, is_allowed
from services.profiles.domain.identifiers import EMAIL, PHONE

ContactReason = Reason | Literal["no_address", "no_message"]

# What kind of identifier a channel needs. Of others, such as push, profiles holds no address.
_NEEDS: Mapping[str, str] = {"email": EMAIL, "phone": PHONE, "sms": PHONE, "zalo": PHONE}
# One open door is enough; of refusals the one that tells most comes first.
_TELLING: tuple[Reason, ...] = ("granted", "not_needed", "withdrawn", "expired", "no_consent", "undeclared")


class Door(NamedTuple):
    """One channel, what consent says of it, and the word it rests on."""

    channel: str
    reason: Reason
    word: Word | None

    @property
    def is_open(self) -> bool:
        """Whether a message may go out over it."""
        return is_allowed(self.reason)


@dataclass(frozen=True, slots=True)
class Contact:
    """The doors to a customer for one purpose, the preferred channel first, then those that are open."""

    purpose: str
    doors: tuple[Door, ...]

    @property
    def is_allowed(self) -> bool:
        """Whether a message may go out over any of them."""
        return any(door.is_open for door in self.doors)

    @property
    def reason(self) -> ContactReason:
        """Why, or why not."""
        reasons = [door.reason for door in self.doors]
        if not reasons:
            return "no_address"
        return min(reasons, key=_TELLING.index)

    @property
    def channel(self) -> str | None:
        """The one to take."""
        return next((door.channel for door in self.doors if door.is_open), None)


def contact(
    registry: Registry,
    held: Mapping[Pair, Word],
    addresses: Collection[str],
    *,
    purpose: str,
    preferred: object,
    now: datetime,
) -> Contact:
    """What consent says at a moment of every channel that could reach the customer."""
    doors = []
    for channel in sorted(registry.channels):
        if _NEEDS.get(channel) in addresses:
            pair = Pair(purpose, channel)
            word = held.get(pair)
            doors.append(Door(channel, registry.reason(pair, word, now), word))
    doors.sort(key=lambda door: (door.channel != preferred, not door.is_open, door.channel))
    return Contact(purpose, tuple(doors))
