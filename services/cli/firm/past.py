"""A year of a shop that sells coffee and tea: who bought what when, what came late, and who subscribes."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.cli.door import Item
from shared.load import goods
from shared.load.chance import stream
from shared.load.people import person
from shared.money import to_decimal_string

NAME = "hoasen"
CUSTOMERS = 620
SUBSCRIBERS = 110
DAYS = 364
SEED = 2026
PLAN = "hop-ca-phe"
# A courier is late since so many days ago: promises are broken, and customers say so.
TROUBLE_DAYS = 21
_ZONE = "Asia/Ho_Chi_Minh"
# Share of deliveries in time, share of orders after which somebody is gone, share of orders that go back.
_IN_TIME, _IN_TROUBLE, _GONE, _BACK = 0.94, 0.66, 0.18, 0.04
_PRICES = (99_000, 149_000, 249_000)
_LEAVES, _MOVES_UP, _RESTS = 0.03, 0.03, 0.02


@dataclass(frozen=True, slots=True)
class Bought:
    """An order of a customer (their number), and when it was delivered, if it was."""

    customer: int
    order_id: str
    at: datetime
    delivered_at: datetime | None
    is_late: bool


@dataclass(frozen=True)
class Past:
    """What happened until `now`; `today` is the local midnight before it, from which all days are counted back."""

    today: datetime
    now: datetime

    @staticmethod
    def user_id(number: int) -> str:
        """The shop's id of a customer."""
        return f"{NAME}-{number}"

    def orders(self) -> Iterator[Bought]:
        """All orders, customer by customer."""
        for number in range(CUSTOMERS):
            chance = stream(SEED, NAME, "orders", number)
            pause = 20 + chance.expovariate(1 / 45)
            day = float(chance.randrange(5, DAYS))
            for place in range(40):
                at = self._moment(chance, day)
                yield self._order(chance, number, place, at)
                day -= max(1.0, chance.expovariate(1 / pause))
                if day < 1 or chance.random() < _GONE:
                    break

    def events(self) -> Iterator[Item]:
        """All of it as calls of an SDK: people first, then orders and what became of them, then subscriptions."""
        line = 0
        for call in (*self._people(), *self._trade(), *self._subscriptions()):
            if datetime.fromisoformat(call["timestamp"]) < self.now:
                line += 1
                yield Item(line, call)

    def _moment(self, chance: random.Random, days_ago: float) -> datetime:
        return self.today - timedelta(days=int(days_ago)) + timedelta(hours=8 + chance.random() * 13)

    def _order(self, chance: random.Random, number: int, place: int, at: datetime) -> Bought:
        recent = self.today - timedelta(days=TROUBLE_DAYS)
        is_late = chance.random() > (_IN_TROUBLE if at > recent else _IN_TIME)
        takes = timedelta(days=4, hours=6) if is_late else timedelta(days=1 + chance.random() * 1.5)
        delivered = at + takes
        return Bought(number, f"{NAME}-{number}-{place}", at, delivered if delivered < self.now else None, is_late)

    def _people(self) -> Iterator[dict[str, Any]]:
        for number in range(CUSTOMERS):
            who = person(NAME, SEED, number, abroad=0)
            traits = {"name": who.name, "email": who.email, "phone": who.phone, "address": {"city": who.city}}
            yield self._call(number, "identify", self.today - timedelta(days=DAYS), type="identify", traits=traits)

    def _trade(self) -> Iterator[dict[str, Any]]:
        for each in self.orders():
            chance = stream(SEED, NAME, "goods", each.order_id)
            lines = goods.basket(chance, "VND", 0.9)
            total = to_decimal_string(goods.total(lines), "VND")
            money = {"order_id": each.order_id, "currency": "VND"}
            told = [goods.told(line, "VND") for line in lines]
            promised = (each.at + timedelta(days=3)).isoformat()
            yield self._track(
                each, "Order Completed", each.at, **money, total=total, products=told, promised_at=promised
            )
            if each.delivered_at is None:
                continue
            yield self._track(each, "Order Delivered", each.delivered_at, order_id=each.order_id)
            if chance.random() < _BACK:
                back = {"refund_id": f"{each.order_id}-r", "refund_amount": total}
                yield self._track(each, "Order Refunded", each.delivered_at + timedelta(days=2), **money, **back)

    def _subscriptions(self) -> Iterator[dict[str, Any]]:
        """A box of coffee each month; some take a larger one, some rest, some leave."""
        for number in range(SUBSCRIBERS):
            chance = stream(SEED, NAME, "subscription", number)
            minor = chance.choice(_PRICES)
            known = {"subscription_id": f"{NAME}-s-{number}", "plan_id": PLAN, "currency": "VND"}
            at = self._moment(chance, chance.randrange(12, 330))
            step = 0
            yield self._subscribed(number, step, "Started", at, **known, mrr=str(minor))
            while (at := at + timedelta(days=30)) < self.now:
                step += 1
                drawn = chance.random()
                if drawn < _LEAVES:
                    reason = chance.choice(("too_expensive", "switched_service", "unused"))
                    yield self._subscribed(number, step, "Cancelled", at, **known, cancel_reason=reason)
                    break
                if drawn < _LEAVES + _MOVES_UP:
                    minor = 349_000
                    yield self._subscribed(number, step, "Upgraded", at, **known, mrr=str(minor))
                elif drawn < _LEAVES + _MOVES_UP + _RESTS:
                    yield self._subscribed(number, step, "Paused", at, **known)
                    at += timedelta(days=30)
                    yield self._subscribed(number, step, "Resumed", at, **known, mrr=str(minor))
                else:
                    yield self._subscribed(number, step, "Renewed", at, **known, mrr=str(minor))

    def _subscribed(self, number: int, step: int, what: str, at: datetime, **properties: Any) -> dict[str, Any]:
        told = {"type": "track", "event": f"Subscription {what}", "properties": properties}
        return self._call(number, f"s-{step}-{what}", at, **told)

    def _track(self, order: Bought, event: str, at: datetime, **properties: Any) -> dict[str, Any]:
        told = {"type": "track", "event": event, "properties": properties}
        return self._call(order.customer, f"{order.order_id}-{event[6:]}", at, **told)

    def _call(self, number: int, mark: str, at: datetime, **told: Any) -> dict[str, Any]:
        """A call; its id is the same on every day on which it is told, so that it counts once."""
        context = {"locale": "vi-VN", "timezone": _ZONE}
        stamp = {"userId": self.user_id(number), "timestamp": at.isoformat(), "context": context}
        return {"messageId": f"{NAME}-{number}-{mark}", **stamp, **told}
