"""One visit of one customer, from the first page to the survey after the delivery."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from shared.load import goods
from shared.load.acts import Act, Answer, Buy, Call, Claim, Consent, Refer, Say
from shared.load.chance import stream
from shared.load.people import Person, person
from shared.load.profiles import Profile
from shared.money import to_decimal_string

# Makes an act at its moment.
Maker = Callable[[datetime], Act]
FLASH_ITEMS = 3
_PAGES = ("/", "/moi-ve", "/giam-gia", "/gio-hang", "/tai-khoan")
_SEARCHES = ("áo dài", "cà phê", "quà tết", "giày chạy", "sách thiếu nhi")
_SAID = (
    "Giao hàng nhanh, đóng gói đẹp.",
    "Shipper đến trễ.",
    "Tuyệt vời!",
    "Sản phẩm không như hình.",
    "Great shop.",
    "",
)
_AGENT = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/142.0 Mobile Safari/537.36"
# How long calls of one request lie apart.
_STEP = timedelta(seconds=1)
_LATEST_DAYS = 20


class Visit:
    """What one customer does on one visit; `next_act` gives one after the other."""

    def __init__(self, namespace: str, seed: int, profile: Profile, customer: int, number: int) -> None:
        self.customer = customer
        self._chance = stream(seed, namespace, "visit", number)
        self._profile = profile
        self._namespace = namespace
        self._person: Person = person(namespace, seed, customer, abroad=profile.abroad)
        self._mark = f"{namespace}-{number}"
        self._visitor = f"{self._mark}-v"
        self._is_visitor = self._chance.random() < profile.anonymous
        self._messages = 0
        self._late = timedelta(0)
        if self._chance.random() < profile.late:
            self._late = timedelta(seconds=self._chance.randrange(60, _LATEST_DAYS * 86_400))
        self._makers = self._script()
        self._makers.reverse()
        self._again: Act | None = None

    def next_act(self, at: datetime) -> Act | None:
        """What they do at this moment; None: they have left."""
        if self._again is not None:
            act, self._again = self._again, None
            return act
        if not self._makers:
            return None
        act = self._makers.pop()(at - self._late)
        if isinstance(act, Say) and self._chance.random() < self._profile.repeats:
            self._again = Say(act.who, act.calls, again=True)
        return act

    @property
    def _who(self) -> str:
        return f"anonymous_id:{self._visitor}" if self._is_visitor else f"user_id:{self._person.user_id}"

    def _script(self) -> list[Maker]:
        """What happens on this visit; calls are told apart from when they are made."""
        chance, profile = self._chance, self._profile
        makers = self._browsing()
        if not self._is_visitor and chance.random() < 0.3:
            makers.insert(0, self._say(self._traits(None)))
        if self._is_visitor and chance.random() < 0.6:
            makers.append(self._signs_in())
        if not self._is_visitor:
            makers += self._as_a_customer()
        if chance.random() < profile.buys:
            makers += self._buying()
        if chance.random() < profile.disorder:
            chance.shuffle(makers)
        return makers

    def _browsing(self) -> list[Maker]:
        """Pages and products, some to a request."""
        chance, makers = self._chance, list[Maker]()
        for _ in range(chance.randrange(1, self._profile.most_views + 1)):
            calls = [{"type": "page", "name": "Home", "properties": {"path": chance.choice(_PAGES)}}]
            if chance.random() < 0.3:
                calls.append(_track("Products Searched", query=chance.choice(_SEARCHES)))
            for line in goods.basket(chance, self._person.currency, self._profile.hottest):
                told = goods.told(line, self._person.currency)
                calls.append(_track("Product Viewed", **told, currency=self._person.currency))
                if chance.random() < 0.15:
                    calls.append(_track("Product Added", **told, currency=self._person.currency))
            makers.append(self._say(*calls))
        return makers

    def _signs_in(self) -> Maker:
        """A visitor says who they are; what they did belongs to the customer from now on."""
        maker = self._say({**self._traits(self._visitor), "userId": self._person.user_id}, who=None)
        self._is_visitor = False
        return maker

    def _traits(self, visitor: str | None) -> Call:
        who = self._person
        traits = {"name": who.name, "email": who.email, "phone": who.phone, "address": {"city": who.city}}
        call: Call = {"type": "identify", "traits": {**traits, "timezone": who.zone}}
        return call if visitor is None else {**call, "anonymousId": visitor}

    def _as_a_customer(self) -> list[Maker]:
        """What only customers do whom the shop knows."""
        chance, profile, makers = self._chance, self._profile, list[Maker]()
        who = self._who
        if chance.random() < profile.claims:
            key, item = f"{self._mark}-claim", chance.randrange(FLASH_ITEMS)
            units, is_paid = chance.choice((1, 1, 2)), chance.random() < 0.8
            makers.append(lambda _: Claim(who, key, item, units, is_paid))
        if chance.random() < profile.consents:
            is_granted = chance.random() < 0.75
            makers.append(lambda _: Consent(who, f"{self._mark}-consent", is_granted))
        if chance.random() < profile.subscribes:
            makers += self._subscribing()
        if chance.random() < profile.refers:
            makers += self._referring()
        return makers

    def _buying(self) -> list[Maker]:
        chance, currency, who = self._chance, self._person.currency, self._who
        lines = goods.basket(chance, currency, self._profile.hottest)
        order_id, total = f"{self._mark}-o", goods.total(lines)
        told = [goods.told(line, currency) for line in lines]
        makers = [
            self._say(
                _track("Checkout Started", order_id=order_id, products=told, currency=currency),
                _track(
                    "Payment Info Entered", order_id=order_id, payment_method=chance.choice(("cod", "momo", "card"))
                ),
            )
        ]
        redeems = not self._is_visitor and currency == "VND" and chance.random() < self._profile.redeems
        if redeems:
            points, has_voucher, message = chance.choice((0, 50, 100, 200)), chance.random() < 0.5, self._message()
            makers.append(lambda at: Buy(who, order_id, lines, points, has_voucher, message, at))
        else:
            properties = {"order_id": order_id, "total": to_decimal_string(total, currency), "currency": currency}
            makers.append(self._say(_track("Order Completed", **properties, products=told)))
        makers.append(self._say(_track("Order Delivered", order_id=order_id)))
        return makers + self._afterwards(order_id, total, is_redeemed=redeems)

    def _afterwards(self, order_id: str, total: int, *, is_redeemed: bool) -> list[Maker]:
        """Goods are brought back; the survey is answered."""
        chance, currency, who, makers = self._chance, self._person.currency, self._who, list[Maker]()
        if chance.random() < self._profile.returns:
            if is_redeemed or chance.random() < 0.2:
                makers.append(self._say(_track("Order Cancelled", order_id=order_id)))
            else:
                back = total if chance.random() < 0.4 or currency != "VND" else total // 2_000 * 1_000 or total
                amount = {"refund_amount": to_decimal_string(back, currency), "currency": currency}
                makers.append(
                    self._say(_track("Order Refunded", order_id=order_id, refund_id=f"{order_id}-r", **amount))
                )
        if not self._is_visitor and chance.random() < self._profile.answers:
            nps, words = min(10, int(chance.triangular(0, 12, 9.5))), chance.choice(_SAID)
            csat = max(1, min(5, round(nps / 2 + chance.uniform(-1, 1))))
            makers.append(lambda _: Answer(who, f"{order_id}-a", nps, csat, words))
        return makers

    def _subscribing(self) -> list[Maker]:
        """A subscription begins, and goes the way of most or of some."""
        chance, currency = self._chance, self._person.currency
        monthly = chance.choice((49, 99, 199)) * 1_000 if currency == "VND" else chance.choice((499, 999, 1_999))
        subscription = {"subscription_id": f"{self._mark}-s", "plan_id": "hop-ca-phe", "currency": currency}
        price = {"mrr": to_decimal_string(monthly, currency)}
        more = {"mrr": to_decimal_string(monthly * 2, currency)}
        calls = [_track("Subscription Started", **subscription, **price)]
        calls += [_track("Subscription Renewed", **subscription, **price) for _ in range(chance.randrange(3))]
        if chance.random() < 0.2:
            calls.append(_track("Subscription Upgraded", **subscription, **more))
        if chance.random() < 0.25:
            calls.append(_track("Subscription Cancelled", **subscription, cancel_reason="too_expensive"))
        return [self._say(call) for call in calls]

    def _referring(self) -> list[Maker]:
        """A friend comes with a code and buys once. Their order has no time of its own: it must come after they did."""
        who, friend = self._who, f"{self._mark}-f"
        order: dict[str, Any] = {"order_id": f"{friend}-o", "total": "300000", "currency": "VND"}
        message = self._message()
        call: Call = {**_track("Order Completed", **order), "messageId": message, "userId": friend}
        return [lambda _: Refer(who, f"user_id:{friend}"), lambda _: Say(f"user_id:{friend}", (call,))]

    def _say(self, *calls: Call, who: str | None = "") -> Maker:
        """Calls in one request, by whoever they are by now; their times lie before the moment they are sent."""
        sender = self._who if who == "" else f"user_id:{self._person.user_id}"
        kind, _, name = sender.partition(":")
        identity = {"userId" if kind == "user_id" else "anonymousId": name}
        context = {"locale": self._person.locale, "timezone": self._person.zone, "userAgent": _AGENT}
        made = [{**identity, "messageId": self._message(), "context": context, **call} for call in calls]

        def at(moment: datetime) -> Act:
            times = (moment - _STEP * (len(made) - place) for place in range(len(made)))
            timed = tuple({**call, "timestamp": time.isoformat()} for call, time in zip(made, times, strict=True))
            return Say(sender, timed)

        return at

    def _message(self) -> str:
        self._messages += 1
        return f"{self._mark}-{self._messages}"


def _track(event: str, **properties: Any) -> Call:
    return {"type": "track", "event": event, "properties": properties}
