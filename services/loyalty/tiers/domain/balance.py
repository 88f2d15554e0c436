"""One person's way through a track that goes by what they have: the ledger says how that changed, and when.

Unlike what is earned a balance goes down again, so nothing here is a sum over a window. What is stored of a person is
what this says for now; for any earlier date it says what was held then.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from services.loyalty.programs.domain.calendar import add_days, day_start, local_day
from services.loyalty.tiers.domain.track import ByBalance, Track
from services.loyalty.tiers.domain.walk import Earned, Reason, Version, Walk

_NOWHERE = -1


class Change(NamedTuple):
    """So many points more (or fewer) can be spent from a moment on."""

    at: datetime
    wallet: str
    points: int


def together(changes: Iterable[Change]) -> list[Change]:
    """The changes of all keys of a person in the order of time; what happened at one moment is one."""
    sums: dict[tuple[datetime, str], int] = {}
    for at, wallet, points in changes:
        sums[at, wallet] = sums.get((at, wallet), 0) + points
    return [Change(*key, points) for key, points in sorted(sums.items())]


def is_by_balance(versions: Sequence[Version]) -> bool:
    """Whether a track goes by a balance; all its versions do, or none."""
    return isinstance(versions[0].track.measure, ByBalance)


@dataclass(slots=True)
class BalanceWalk(Walk):
    """The way so far; `changes` are in the order of time."""

    changes: Sequence[Change] = ()
    _come: int = 0
    _balances: dict[str, int] = field(default_factory=dict)

    def advance(self, to: datetime) -> None:
        """Let time pass until a moment, that moment included: grace that ends comes before what happens then."""
        while True:
            change = self.changes[self._come] if self._come < len(self.changes) else None
            due = self.review_at
            if due is not None and due <= to and (change is None or due <= change.at):
                if self._next < len(self.versions) and self.versions[self._next].effective_from == due:
                    self._change(self.versions[self._next])
                else:
                    self._look_again(due)
            elif change is not None and change.at <= to:
                self._come += 1
                self._balances[change.wallet] = self._balances.get(change.wallet, 0) + change.points
                self._weigh(change.at, "qualified")
            else:
                return

    def record(self, earned: Earned) -> None:
        """What somebody did counts here only by what the ledger says of it."""
        self.advance(earned.at)

    def measured(self, at: datetime) -> int:
        """What can be spent at a moment."""
        self.advance(at)
        return max(0, self._balances.get(_wallet(self._track), 0))

    def _review(self) -> datetime | None:
        return self.held_until

    def _weigh(self, at: datetime, reason: Reason) -> None:
        """Go up where the balance reaches; below the level its grace begins, unless it is running."""
        if self._track is None:
            return
        place = self._qualified(self._balances.get(_wallet(self._track), 0))
        if place > self._place:
            self._step(place, at, reason)
        if place >= self._place:
            self.valid_until = None
        elif self.valid_until is None:
            self.valid_until = self._grace_end(at)

    def _look_again(self, at: datetime) -> None:
        """Grace is over, and the balance did not recover."""
        if self._track is None:
            return
        qualified = self._qualified(self._balances.get(_wallet(self._track), 0))
        place = max(qualified, self._place - 1) if self._track.downgrade == "one_down" else qualified
        self._step(place, at, "downgraded")
        self.valid_until = None if place == qualified else self._grace_end(at)

    def _change(self, version: Version) -> None:
        """Another version of the track holds from now on."""
        self._next += 1
        held, at = self.level, version.effective_from
        self._track = version.track
        place = version.track.place(held.key) if held else None
        self._place = _NOWHERE if place is None else place
        self.valid_until = None
        qualified = self._qualified(self._balances.get(_wallet(version.track), 0))
        is_lost = held is not None and place is None
        if is_lost or (version.track.on_change == "apply" and qualified < self._place):
            self._step(qualified, at, "rules")
        self._weigh(at, "rules")

    def _qualified(self, amount: int) -> int:
        if self._track is None or not self._balances:
            return _NOWHERE
        return bisect_right(self._track.thresholds, max(0, amount)) - 1

    def _grace_end(self, at: datetime) -> datetime:
        days = self._track.grace_days if self._track else 0
        return day_start(add_days(local_day(at, self.zone), days + 1), self.zone) if days else at


def _wallet(track: Track | None) -> str:
    return track.measure.wallet if track is not None and isinstance(track.measure, ByBalance) else ""
