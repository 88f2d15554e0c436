"""A survey wave: customers are asked one after the other, and some of them answer, sooner or later."""

import heapq
from collections.abc import Iterator
from random import Random

from shared.load.acts import Ask, Reply
from shared.load.chance import stream
from shared.load.order import Due, Order
from shared.load.profiles import PROFILES

# Of those who answer at all, half do so within this share of the run; how far the others are from that (log-normal).
_MEDIAN_DELAY, _SPREAD = 0.04, 1.2
_SAID = ("Nhanh, gọn.", "Giá hơi cao.", "Sẽ giới thiệu bạn bè.", "Chờ lâu quá.", "Fine.", "")


def wave(order: Order) -> Iterator[Due]:
    """Who is asked when, and who answers, in the order in which it is due; everybody is asked once at most."""
    profile = PROFILES[order.profile]
    chance = stream(order.seed, order.profile, "wave")
    asked: set[int] = set()
    answers: list[Due] = []
    due = 0.0
    while profile.asks and len(asked) < order.customers // 2:
        due += chance.expovariate(order.rate * profile.asks)
        while answers and answers[0].due < due:
            yield heapq.heappop(answers)
        if due >= order.seconds:
            break
        customer = chance.randrange(order.customers)
        while customer in asked:
            customer = (customer + 1) % order.customers
        asked.add(customer)
        who, key = f"user_id:{order.namespace}-{customer}", f"{order.namespace}-asked-{customer}"
        yield Due(due, customer, Ask(who, key))
        if chance.random() < profile.replies:
            reply = _reply(chance, order, due, customer, Ask(who, key))
            heapq.heappush(answers, reply)
    while answers:
        yield heapq.heappop(answers)


def _reply(chance: Random, order: Order, due: float, customer: int, ask: Ask) -> Due:
    """What they say; whoever would only think of it after the run says it at its end."""
    later = order.seconds * _MEDIAN_DELAY * chance.lognormvariate(0, _SPREAD)
    nps = min(10, int(chance.triangular(0, 12, 9.5)))
    csat = max(1, min(5, round(nps / 2 + chance.uniform(-1, 1))))
    at = min(due + later, max(due, order.seconds - 1e-3))
    return Due(at, customer, Reply(ask.who, ask.key, nps, csat, chance.choice(_SAID)))
