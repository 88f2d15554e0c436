"""What must have come of the traffic: worked out from what was sent and acknowledged, and from nothing else."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from shared.load.acts import Act, Answer, Ask, Buy, Call, Claim, Consent, Refer, Reply, Say
from shared.load.firm import ADVOCATE_POINTS, FRIEND_POINTS, VND_PER_POINT
from shared.load.journal import Result
from shared.money import parse, to_decimal_string

# Of a call without a time of its own.
WHEN_IT_CAME = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class Bought:
    """An order. Amounts are in minor units of its currency; of one that was redeemed for, points and vouchers too."""

    who: str = ""
    at: datetime | None = None
    minor: int = 0
    currency: str = ""
    refunds: dict[str, tuple[datetime, int]] = field(default_factory=dict)
    is_cancelled: bool = False
    points: int = 0
    vouchers: int = 0

    @property
    def counts(self) -> bool:
        """Whether it was placed and not cancelled."""
        return self.at is not None and not self.is_cancelled

    @property
    def refunded(self) -> int:
        """What went back, never more than was paid."""
        return min(self.minor, sum(minor for _, minor in self.refunds.values()))

    @property
    def is_purchase(self) -> bool:
        """Whether something of it was kept."""
        return self.counts and (self.refunded < self.minor or not self.refunds)

    @property
    def earned(self) -> int:
        """Points for what was kept."""
        return (self.minor - self.refunded) // VND_PER_POINT if self.counts and self.currency == "VND" else 0


@dataclass(slots=True)
class Subscription:
    """A subscription: what it brings a month, after the latest fact."""

    who: str
    told: list[tuple[datetime, str, int | None]] = field(default_factory=list)
    currency: str = ""

    @property
    def monthly(self) -> int | None:
        """Minor units a month; None: it has ended, or never began."""
        minor: int | None = None
        for _, event, said in sorted(self.told):
            minor = None if event == "Subscription Cancelled" else said if said is not None else minor
        return minor


@dataclass(slots=True)
class Life:
    """What was done under one id."""

    messages: set[str] = field(default_factory=set)
    orders: list[str] = field(default_factory=list)
    answers: dict[str, tuple[int, int]] = field(default_factory=dict)
    consent: bool | None = None
    brought: list[str] = field(default_factory=list)
    is_brought: bool = False


@dataclass
class Book:
    """All that was acknowledged. `faults` are answers that nothing excuses; `unknown` are acts without an outcome."""

    lives: dict[str, Life] = field(default_factory=lambda: defaultdict(Life))
    orders: dict[str, Bought] = field(default_factory=lambda: defaultdict(Bought))
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    joined: dict[str, str] = field(default_factory=dict)
    visitors: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    claimed: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    faults: list[str] = field(default_factory=list)
    unknown: int = 0
    events: int = 0
    asked: int = 0
    replied: int = 0

    def settle(self, act: Act, result: Result) -> None:
        """Note an act and what the platform answered."""
        if "unknown" in result:
            self.unknown += 1
            self.faults.append(f"{act.who}: nobody knows what became of a {type(act).__name__}: {result['unknown']}")
        elif result.get("refused") and not isinstance(act, Claim | Refer):
            self.faults.append(
                f"{act.who}: a {type(act).__name__} was refused: {result['refused']} {result.get('why', '')}"
            )
        else:
            self._done(act, result)

    def _done(self, act: Act, result: Result) -> None:
        match act:
            case Say(calls=calls):
                self._said(act.who, calls, result.get("rejected", {}))
            case Buy():
                self._bought(act, result)
            case Answer():
                self.lives[act.who].answers[act.reference] = (act.nps, act.csat)
            case Ask():
                self.asked += "invitation" in result
            case Reply() if "invitation" in result:
                self.replied += 1
                self.lives[act.who].answers[by_invitation(result["invitation"])] = (act.nps, act.csat)
            case Consent():
                self.lives[act.who].consent = act.is_granted
            case Claim() if not result.get("refused") and act.is_paid:
                self.claimed[act.item] += act.units
            case Refer() if result.get("state") == "active":
                self.lives[act.who].brought.append(act.friend)
                self.lives[act.friend].is_brought = True
            case Refer() if result.get("state"):
                self.faults.append(f"{act.who}: a referral is {result['state']}")
            case _:
                pass

    def _said(self, who: str, calls: tuple[Call, ...], rejected: dict[str, str]) -> None:
        for place, call in enumerate(calls):
            if code := rejected.get(str(place)):
                self.faults.append(f"{who}: the event {call['messageId']} was refused: {code}")
            elif call["messageId"] not in self.lives[who].messages:
                self.events += 1
                self.lives[who].messages.add(call["messageId"])
                self._meant(who, call)

    def _meant(self, who: str, call: Call) -> None:
        """What a call states besides that it happened."""
        if call["type"] == "identify" and "anonymousId" in call and "userId" in call:
            self.joined[f"anonymous_id:{call['anonymousId']}"] = who
            self.visitors[who].add(f"anonymous_id:{call['anonymousId']}")
        event, said = call.get("event", ""), call.get("properties", {})
        at = datetime.fromisoformat(call["timestamp"]) if "timestamp" in call else WHEN_IT_CAME
        if event == "Order Completed":
            self._placed(who, said["order_id"], parse(said["total"], said["currency"]), said["currency"], at)
        elif event == "Order Refunded":
            amount = parse(said["refund_amount"], said["currency"])
            self.orders[said["order_id"]].refunds[said["refund_id"]] = (at, amount)
        elif event == "Order Cancelled":
            self.orders[said["order_id"]].is_cancelled = True
        elif event.startswith("Subscription"):
            known = self.subscriptions.setdefault(said["subscription_id"], Subscription(who))
            known.currency = said["currency"]
            known.told.append((at, event, parse(said["mrr"], said["currency"]) if "mrr" in said else None))

    def _placed(self, who: str, order_id: str, minor: int, currency: str, at: datetime) -> None:
        order = self.orders[order_id]
        order.who, order.at, order.minor, order.currency = who, at, minor, currency
        self.lives[who].orders.append(order_id)

    def _bought(self, act: Buy, result: Result) -> None:
        if rejected := result.get("rejected"):
            self.faults.append(f"{act.who}: the order {act.order_id} was refused: {rejected}")
            return
        self.events += 1
        self.lives[act.who].messages.add(act.message_id)
        self._placed(act.who, act.order_id, int(result["paid"]), "VND", act.at)
        self.orders[act.order_id].points = int(result["points"])
        self.orders[act.order_id].vouchers = int(result["vouchers"])

    def persons(self) -> dict[str, list[str]]:
        """Everybody by the id to ask for them, with all ids that are theirs."""
        found: dict[str, list[str]] = defaultdict(list)
        for raw in list(self.lives):
            found[self.joined.get(raw, raw)].append(raw)
        return found

    def ids_of(self, ids: list[str]) -> set[str]:
        """Ids by which a person was heard of: by what they did, or as the visitor they say to have been.

        Whom a friend names is nobody yet: they come with what they do.
        """
        return {raw for raw in ids if self.lives[raw].messages} | {each for raw in ids for each in self.visitors[raw]}

    def orders_of(self, ids: list[str]) -> Iterator[Bought]:
        """A person's orders."""
        for raw in ids:
            for order_id in self.lives[raw].orders:
                yield self.orders[order_id]

    def points_of(self, ids: list[str]) -> int:
        """What a person has: earned, brought in, less what they paid with and did not get back."""
        points = sum(order.earned - (0 if order.is_cancelled else order.points) for order in self.orders_of(ids))
        for raw in ids:
            life = self.lives[raw]
            points += sum(ADVOCATE_POINTS for friend in life.brought if self._came_true(friend))
            points += FRIEND_POINTS if life.is_brought and self._came_true(raw) else 0
        return points

    def _came_true(self, friend: str) -> bool:
        return any(order.is_purchase for order in self.orders_of([friend]))

    def day_of(self, order: Bought, zone: Any, today: date) -> date:
        """The local day an order counts on; one without a time of its own was placed when it came."""
        assert order.at is not None
        return today if order.at == WHEN_IT_CAME else order.at.astimezone(zone).date()


def by_invitation(invitation: str) -> str:
    """What an answer is known by that has no reference, for it is the one to an invitation."""
    return f"invitation {invitation}"


def major(minor: int, currency: str) -> Decimal:
    """An amount in major units, as figures show it."""
    return Decimal(to_decimal_string(minor, currency))
