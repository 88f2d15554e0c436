"""What checkout must do, in plain Python: one list of reservations, one of redemptions, and no counter at all."""

from dataclasses import dataclass, field

TOTAL = 1_000_000
FIXED, SHARE, CARD = "fixed", "share", "card"
CODES = (FIXED, SHARE, CARD)
FIXED_MINOR, SHARE_MINOR, CARD_MINOR = 100_000, 100_000, 350_000
FIXED_USES, SHARE_BUDGET = 3, 250_000
POINT_MINOR, LEAST_POINTS, POINTS = 100, 10, 3_000


@dataclass
class Taken:
    """Vouchers and points of one reservation or redemption."""

    person: str
    minors: dict[str, int]
    points: int
    state: str = "held"
    extensions: int = 0
    places: dict[str, int] = field(default_factory=dict)
    back: dict[str, int] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    points_back: int = 0

    def left(self, code: str) -> int:
        return self.minors[code] - self.back.get(code, 0)

    @property
    def is_over(self) -> bool:
        return self.ended == set(self.minors) and self.points_back == self.points


@dataclass
class Model:
    """All that was ever held or redeemed; everything else follows from it."""

    reservations: dict[str, Taken] = field(default_factory=dict)
    redemptions: dict[str, Taken] = field(default_factory=dict)
    merged: bool = False

    def live(self) -> list[Taken]:
        return [each for each in self.reservations.values() if each.state == "held"]

    def uses(self, code: str) -> tuple[int, int]:
        """Redeemed and reserved."""
        redeemed = sum(code in each.minors and code not in each.ended for each in self.redemptions.values())
        return redeemed, sum(code in each.minors for each in self.live())

    def money(self, code: str) -> tuple[int, int]:
        """Spent and held."""
        spent = sum(each.left(code) for each in self.redemptions.values() if code in each.minors)
        return spent, sum(each.minors[code] for each in self.live() if code in each.minors)

    def same(self, one: str, other: str) -> bool:
        return one == other or (self.merged and {one, other} == {"bình", "chi"})

    def used_by(self, person: str) -> int:
        """Uses of the fixed code, one per person, under all their keys."""
        standing = [each for each in self.redemptions.values() if FIXED not in each.ended]
        return sum(FIXED in each.minors and self.same(each.person, person) for each in [*standing, *self.live()])

    def points(self) -> int:
        """What An, who alone has points, can spend."""
        return (
            POINTS
            - sum(each.points - each.points_back for each in self.redemptions.values())
            - sum(each.points for each in self.live())
        )

    def quote(self, person: str, codes: frozenset[str], points: int) -> Taken | None:
        """What it comes to, if it can be had: shares, then amounts, then what pays."""
        minors: dict[str, int] = {}
        left = TOTAL
        if SHARE in codes:
            if sum(self.money(SHARE)) + SHARE_MINOR > SHARE_BUDGET:
                return None
            minors[SHARE], left = SHARE_MINOR, left - SHARE_MINOR
        if FIXED in codes:
            if sum(self.uses(FIXED)) >= FIXED_USES or self.used_by(person) >= 1:
                return None
            minors[FIXED], left = FIXED_MINOR, left - FIXED_MINOR
        ceiling = left // 2
        if CARD in codes:
            balance = CARD_MINOR - sum(self.money(CARD))
            if balance <= 0:
                return None
            minors[CARD], left = min(balance, left), left - min(balance, left)
        if points:
            enough = person == "an" and points <= self.points()
            if not enough or points < LEAST_POINTS or points * POINT_MINOR > min(ceiling, left):
                return None
        if not minors and not points:
            return None
        return Taken(person, minors, points)
