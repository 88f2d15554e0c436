"""Members, points and complaints of the card, by segment, from the sums of both periods."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.metrics.scorecard.domain import explaining
from services.metrics.scorecard.domain.card import Explained
from services.metrics.scorecard.domain.drafts import Draft, Maker
from services.metrics.scorecard.domain.engagement import EVERYBODY, flow_of
from services.metrics.scorecard.domain.opinions import AFTER, BEFORE


@dataclass(frozen=True, slots=True)
class Engagement:
    """Sums by period, segment and what they are of; of `wallets` the first has the most points."""

    sums: Mapping[tuple[str, str, str], int]
    segments: Sequence[str]
    wallets: Sequence[str]

    def _both(self, what: str, segment: str) -> tuple[int, int]:
        return self.sums.get((AFTER, segment, what), 0), self.sums.get((BEFORE, segment, what), 0)

    def drafts(self, make: Maker) -> list[tuple[str, str, Draft]]:
        """Each figure of everybody and of each segment."""
        return [(segment, key, draft) for segment in self.segments for key, draft in self._of(segment, make)]

    def _of(self, segment: str, make: Maker) -> Iterable[tuple[str, Draft]]:
        if not self.wallets:
            if segment == EVERYBODY:
                for name in ("active_members", "points_earned", "points_redeemed", "redemption_rate"):
                    yield name, Draft(make.figure(name, None, make.as_of), None, reason="no_data")
        else:
            yield "active_members", make.count("active_members", *self._both(f"active:{make.days}", segment))
            yield from self._points(segment, make)
        yield "complaints_opened", make.count("complaints_opened", *self._both("opened", segment))
        yield "complaints_open", make.count("complaints_open", *self._both("open", segment))
        late, are_open = self._both("late", segment), self._both("open", segment)
        found = make.count("complaints_late", *late)
        if found.before is not None:
            parts = [
                make.figure("complaints_late", number, day, numerator=number, denominator=whole)
                for number, whole, day in zip(late, are_open, (make.as_of, make.as_of_before), strict=True)
            ]
            found = Draft(parts[0], parts[1])
        yield "complaints_late", found

    def _points(self, segment: str, make: Maker) -> Iterable[tuple[str, Draft]]:
        wallet = self.wallets[0]
        others: dict[str, int | str] = {"other_wallets": ", ".join(self.wallets[1:])} if len(self.wallets) > 1 else {}
        came, back = self._both(flow_of("earned", wallet), segment), self._both(flow_of("reversed", wallet), segment)
        earned = came[0] - back[0], came[1] - back[1]
        spent = self._both(flow_of("spent", wallet), segment)
        yield "points_earned", make.count("points_earned", earned[0], earned[1], wallet=wallet, **others)
        yield "points_redeemed", make.count("points_redeemed", spent[0], spent[1], wallet=wallet, **others)
        rates = [(part, max(0, whole)) for part, whole in zip(spent, earned, strict=True)]
        yield "redemption_rate", make.quotient("redemption_rate", rates[0], rates[1], wallet=wallet)

    def explained(self) -> Explained:
        """Why more or fewer complaints are open."""
        now, before = self._both("open", EVERYBODY)
        return explaining.complaints(before, now, self._both("opened", EVERYBODY)[0])


def engaged(rows: Iterable[tuple[str, str, str, int]]) -> Engagement:
    """Of (period, what, segment, number)."""
    sums: dict[tuple[str, str, str], int] = {}
    points: Counter[str] = Counter()
    for period, what, segment, number in rows:
        sums[period, segment, what] = number
        kind, _, wallet = what.partition(":")
        if kind in ("earned", "spent") and segment == EVERYBODY:
            points[wallet] += number
    wallets = sorted(points, key=lambda wallet: (-points[wallet], wallet))
    return Engagement(sums, sorted({EVERYBODY, *(segment for _, segment, _ in sums)}), wallets)
