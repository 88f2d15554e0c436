"""What points should do, said once more in the plainest way: no SQL, no double entry, no laziness.

Every lot has an end of its own, so the order in which lots are drawn is never a tie.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class ModelLot:
    key: str
    source: str
    ends: datetime
    begins: datetime
    left: int
    counts: bool = False


@dataclass
class ModelWallet:
    lots: list[ModelLot] = field(default_factory=list)
    debt: int = 0

    @property
    def available(self) -> int:
        return sum(lot.left for lot in self.lots if lot.counts)

    @property
    def pending(self) -> int:
        return sum(lot.left for lot in self.lots if not lot.counts)

    def repay(self, lot: ModelLot, coming: int) -> None:
        paid = min(self.debt, coming)
        self.debt -= paid
        lot.left -= paid

    def pass_time(self, now: datetime) -> None:
        """Begin what begins and end what ends, in the order of time."""
        for at in sorted({at for lot in self.lots for at in (lot.begins, lot.ends) if at <= now}):
            for lot in by_end(self.lots):
                if lot.begins == at and not lot.counts and lot.left:
                    lot.counts = True
                    self.repay(lot, lot.left)
            for lot in self.lots:
                if lot.ends == at:
                    lot.left = 0


@dataclass
class Model:
    """All wallets by key, who is whom, and what was held and spent: lists of (lot, points)."""

    now: datetime
    wallets: dict[str, ModelWallet]
    person: dict[str, str]
    earned: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    holds: dict[int, list[tuple[ModelLot, int]]] = field(default_factory=dict)
    spends: dict[int, list[tuple[ModelLot, int]]] = field(default_factory=dict)

    def keys(self, key: str) -> list[str]:
        return [each for each, person in self.person.items() if person == self.person[key]]

    def pass_time(self, now: datetime) -> None:
        self.now = now
        for wallet in self.wallets.values():
            wallet.pass_time(now)

    def spendable(self, key: str) -> int:
        return sum(self.wallets[each].available - self.wallets[each].debt for each in self.keys(key))

    def pending(self, key: str) -> int:
        return sum(self.wallets[each].pending for each in self.keys(key))

    def held(self, key: str) -> int:
        mine = self.keys(key)
        return sum(points for held in self.holds.values() for lot, points in held if lot.key in mine)

    def settle(self, key: str, source: str, target: int, begins: datetime, ends: datetime) -> None:
        wallet = self.wallets[key]
        before, missing = self.earned.get((key, source), (0, 0))
        if target > before:
            forgiven = min(missing, target - before)
            if new := target - before - forgiven:
                lot = ModelLot(key, source, ends, begins, new)
                wallet.lots.append(lot)
                if begins <= self.now:
                    lot.counts = True
                    wallet.repay(lot, new)
                if ends <= self.now:
                    lot.left = 0
            self.earned[key, source] = target, missing - forgiven
        elif target < before:
            wallet.debt += self._take(wallet, source, before - target)
            self.earned[key, source] = target, missing

    def _take(self, wallet: ModelWallet, source: str, points: int) -> int:
        own = [lot for lot in by_end(wallet.lots) if lot.source == source]
        others = [lot for lot in by_end(wallet.lots) if lot.source != source and lot.counts]
        for lot in [*(lot for lot in own if not lot.counts), *(lot for lot in own if lot.counts), *others]:
            taken = min(points, lot.left)
            lot.left -= taken
            points -= taken
        return points

    def draw(self, key: str, points: int) -> list[tuple[ModelLot, int]]:
        drawn = []
        for lot in by_end(lot for each in self.keys(key) for lot in self.wallets[each].lots):
            taken = min(points, lot.left) if lot.counts else 0
            if taken:
                lot.left -= taken
                points -= taken
                drawn.append((lot, taken))
        assert points == 0
        return drawn

    def give_back(self, spend: int, points: int) -> int:
        """The latest-ending first; how many came back."""
        kept, back, left = [], [], points
        for lot, spent in reversed(in_order(self.spends[spend])):
            returned = min(left, spent)
            left -= returned
            back.append((lot, returned))
            kept.append((lot, spent - returned))
        self.spends[spend] = [each for each in kept if each[1]]
        self.arrive(back)
        return points - left

    def release(self, hold: int) -> None:
        self.arrive(self.holds.pop(hold))

    def capture(self, hold: int, spend: int, points: int) -> None:
        """The earliest-ending first; the rest is free again."""
        spent, rest = [], []
        for lot, part in in_order(self.holds.pop(hold)):
            taken = min(points, part)
            points -= taken
            spent.append((lot, taken))
            rest.append((lot, part - taken))
        self.spends[spend] = [each for each in spent if each[1]]
        self.arrive(rest)

    def arrive(self, coming: Iterable[tuple[ModelLot, int]]) -> None:
        """Points are free again: debt is repaid from what ends first, and what is over is gone."""
        for lot, points in in_order(coming):
            lot.left += points
            self.wallets[lot.key].repay(lot, points)
            if lot.ends <= self.now:
                lot.left = 0


def in_order(parts: Iterable[tuple[ModelLot, int]]) -> list[tuple[ModelLot, int]]:
    return sorted(parts, key=lambda each: each[0].ends)


def by_end(lots: Iterable[ModelLot]) -> list[ModelLot]:
    return sorted(lots, key=lambda lot: lot.ends)
