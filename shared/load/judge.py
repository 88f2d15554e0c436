"""Holds what the platform says against the book, and names every difference."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from shared.load import look
from shared.load.book import Book, major
from shared.load.chance import stream
from shared.load.firm import FEWEST_ORDERS, Terms, flash_item
from shared.load.look import WINDOWS, Facts
from shared.load.pace import ZONE
from shared.load.visits import FLASH_ITEMS
from shared.load.wire import Wire

_AT_ONCE = 8
# What others' rules decide, where there are any.
_OF_RULES = ("points",)


class Difference(NamedTuple):
    """What should be, and what the platform says instead."""

    where: str
    what: str
    expected: Any
    found: Any

    def __str__(self) -> str:
        return f"{self.where}: {self.what}: {self.expected!r} expected, {self.found!r} found"


@dataclass
class Verdict:
    """What was compared, and what differs; nothing does: all of it was right."""

    persons: int = 0
    persons_known: int = 0
    facts: int = 0
    events: int = 0
    differences: list[Difference] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "is_right": not self.differences,
            "persons_checked": self.persons,
            "persons_known": self.persons_known,
            "facts_compared": self.facts,
            "events_checked": self.events,
            "differences": [{name: str(value) for name, value in each._asdict().items()} for each in self.differences],
        }


@dataclass(frozen=True)
class Judge:
    """`before` are the totals before the run, None where they cannot be told apart from what others do."""

    wire: Wire
    terms: Terms
    book: Book
    before: Facts | None
    today: date
    first_day: date

    def chosen(self, at_most: int, seed: int) -> list[str]:
        """Everybody, or so many chosen by the seed."""
        everybody = list(self.book.persons())
        return everybody if len(everybody) <= at_most else sorted(stream(seed, "checked").sample(everybody, at_most))

    async def judge(self, chosen: Sequence[str], moved: Callable[[int], None] = lambda _: None) -> Verdict:
        """Compare these people, and all totals."""
        everybody = self.book.persons()
        verdict = Verdict(len(chosen), len(everybody))
        verdict.differences += [Difference("the run", "answers", "none is wrong", each) for each in self.book.faults]
        queue = iter(chosen)

        async def one_after_the_other() -> None:
            for who in queue:
                await self._compare_person(verdict, who, everybody[who])
                moved(1)

        await asyncio.gather(*(one_after_the_other() for _ in range(_AT_ONCE)))
        await self._compare_totals(verdict)
        return verdict

    async def _compare_person(self, verdict: Verdict, who: str, ids: list[str]) -> None:
        found = await look.look_at(self.wire, self.terms, who)
        told: list[str] = found.pop("touchpoints")
        sent = {message for raw in ids for message in self.book.lives[raw].messages}
        verdict.events += len(sent)
        for what, messages in recorded(sent, told).items():
            if messages:
                verdict.differences.append(Difference(who, f"events {what}", [], messages))
        self._compare(verdict, who, self.of_person(ids), found)

    async def _compare_totals(self, verdict: Verdict) -> None:
        self._compare(
            verdict, "the survey", self.of_survey(), await look.look_at_survey(self.wire, self.terms, self._days)
        )
        self._compare(verdict, "the flash sale", self.of_sale(), await look.look_at_sale(self.wire, self.terms))
        if self.before is not None:
            found = await look.look_over(self.wire, str(self.today))
            self._compare(verdict, "totals", self.of_all(), look.less(found, self.before))

    def _compare(self, verdict: Verdict, where: str, expected: Facts, found: Facts) -> None:
        for what in dict.fromkeys([*expected, *found]):
            if what in _OF_RULES and not self.terms.earns:
                continue
            verdict.facts += 1
            # Amounts of nothing are not told of a currency that nobody has used.
            if (expected.get(what) or 0) != (found.get(what) or 0):
                verdict.differences.append(Difference(where, what, expected.get(what), found.get(what)))

    @property
    def _days(self) -> tuple[str, str]:
        return str(self.first_day), str(self.today)

    def of_person(self, ids: list[str]) -> Facts:
        """What must be said of a person."""
        orders = list(self.book.orders_of(ids))
        lives = [self.book.lives[raw] for raw in ids]
        counted = [order for order in orders if order.counts]
        facts: Facts = {
            "answers": {reference: said for life in lives for reference, said in life.answers.items()},
            "vouchers redeemed": sum(order.vouchers for order in orders if not order.is_cancelled),
            "points redeemed": sum(order.points for order in orders if not order.is_cancelled),
            "points": self.book.points_of(ids),
            "ids": len(self.book.ids_of(ids)),
            "orders known to profiles": len(counted),
            "in the segment": len(counted) >= FEWEST_ORDERS,
            "consent": next((life.consent for life in lives if life.consent is not None), None),
            "orders": len(counted),
        }
        return {**facts, **_money(counted)}

    def of_survey(self) -> Facts:
        """NPS and CSAT by hand: of each person the answer they gave last."""
        last = [
            list(answers.values())[-1]
            for ids in self.book.persons().values()
            if (answers := {ref: said for raw in ids for ref, said in self.book.lives[raw].answers.items()})
        ]
        promoters, detractors = sum(nps >= 9 for nps, _ in last), sum(nps <= 6 for nps, _ in last)
        satisfied = sum(csat >= 4 for _, csat in last)
        return {
            "asked": self.book.asked,
            "answered who was asked": self.book.replied,
            "nps answers": len(last),
            "nps buckets": {
                "promoters": promoters,
                "passives": len(last) - promoters - detractors,
                "detractors": detractors,
            },
            "nps": round(100 * (promoters - detractors) / len(last), 6) if last else None,
            "csat answers": len(last),
            "csat buckets": {"satisfied": satisfied, "others": len(last) - satisfied},
            "csat": round(100 * satisfied / len(last), 6) if last else None,
        }

    def of_sale(self) -> Facts:
        """Units that were granted and not let go."""
        return {f"{flash_item(n)} sold": self.book.claimed[n] for n in range(FLASH_ITEMS)} | {
            "flash items over their stock": []
        }

    def of_all(self) -> Facts:
        """What the run adds to totals."""
        counted = [order for order in self.book.orders.values() if order.counts]
        last: list[date] = []
        again = 0
        for ids in self.book.persons().values():
            days = [
                self.book.day_of(order, ZONE, self.today) for order in self.book.orders_of(ids) if order.is_purchase
            ]
            if days:
                last.append(max(days))
                again += len(days) > 1
        facts: Facts = {"orders": len(counted), "customers": len(last), "customers who came again": again}
        for window in WINDOWS:
            active = sum((self.today - day).days < window for day in last)
            facts |= {f"active, {window} days": active, f"lapsed, {window} days": len(last) - active}
        return {**facts, **_money(counted), **self._of_subscriptions()}

    def _of_subscriptions(self) -> Facts:
        live = [each for each in self.book.subscriptions.values() if each.monthly is not None]
        who = {self.book.joined.get(each.who, each.who) for each in live}
        by_currency: Counter[str] = Counter()
        for each in live:
            by_currency[each.currency] += each.monthly or 0
        amounts = {f"monthly {currency}": major(minor, currency) for currency, minor in by_currency.items()}
        return {"subscribers": len(who), **amounts}


def _money(orders: Iterable[Any]) -> dict[str, Decimal]:
    gross: Counter[str] = Counter()
    back: Counter[str] = Counter()
    for order in orders:
        gross[order.currency] += order.minor
        back[order.currency] += order.refunded
    facts: dict[str, Decimal] = {}
    for currency, minor in gross.items():
        amounts = {"gross": minor, "refunds": back[currency], "net": minor - back[currency]}
        facts |= {f"{name} {currency}": major(amount, currency) for name, amount in amounts.items() if amount}
    return facts


def recorded(sent: set[str], told: list[str]) -> dict[str, list[str]]:
    """Events that were acknowledged and are not there, are there twice, or that nobody sent."""
    times = Counter(told)
    return {
        "lost": sorted(sent - times.keys())[:10],
        "doubled": sorted(each for each, count in times.items() if count > 1)[:10],
        "that nobody sent": sorted(times.keys() - sent)[:10],
    }
