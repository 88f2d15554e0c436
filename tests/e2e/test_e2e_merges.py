"""Merging and taking apart, through all services at once: who was never merged is the yardstick.

Each pair of customers has a *twin* pair that lives the same days and is never merged, and a *whole* that lives the
days of both under one id. While the pair is merged it must equal the whole, and once taken apart its halves must equal
the twins, however the facts were shuffled, repeated and late.
"""

import random
from collections.abc import Iterable
from typing import Any, NamedTuple

import pytest
from e2e_world import Shop

PAIRS = 4
RULES = (
    {
        "effect": {"kind": "per_amount", "points": 1, "per_minor": 10_000, "currency": "VND"},
        "caps": [{"per": "month", "points": 90}],
    },
    {"effect": {"kind": "fixed", "points": 30}, "conditions": {"first_order": True}},
    {"effect": {"kind": "tier_multiplier", "track": "main"}, "wallet": "points"},
)
TRACK = {
    "measure": {"by": "orders"},
    "window": {"kind": "lifetime"},
    "levels": [
        {"key": "silver", "threshold": 2},
        {"key": "gold", "threshold": 5, "benefits": {"multiplier": 3}},
    ],
}
SURVEY = {
    "name": "Chúng tôi làm thế nào?",
    "purpose": "customers",
    "default_locale": "vi",
    "locales": ["vi"],
    "title": {"vi": "Ý kiến của bạn"},
    "thanks": {"vi": "Cảm ơn bạn"},
    "metric": "nps",
    "questions": [{"id": "nps", "kind": "nps", "text": {"vi": "Bạn có giới thiệu chúng tôi không?"}}],
}
THANKS = {"trigger": {"on": "survey"}, "effect": {"kind": "fixed", "points": 7}}
LONG_AGO = "2024-01-01T00:00:00+07:00"


def a_life(chance: random.Random, half: str) -> list[dict[str, Any]]:
    """Some days of one half of a pair: calls as a shop sends them, without saying who."""
    calls: list[dict[str, Any]] = []
    for number in range(chance.randint(1, 4)):
        day = f"2026-0{chance.randint(1, 6)}-{chance.randint(10, 28)}"
        order_id, total = f"{half}{number}", chance.randint(1, 60) * 10_000
        money = {"order_id": order_id, "currency": "VND"}

        def track(event: str, day: str, money: dict[str, str] = money, **more: Any) -> dict[str, Any]:
            return {"type": "track", "event": event, "timestamp": f"{day}T08:00:00Z", "properties": {**money, **more}}

        calls.append(track("Product Viewed", day, product_id=f"p-{number}"))
        calls.append(track("Order Completed", day, total=total))
        fate = chance.random()
        if fate < 0.25:
            calls.append(track("Order Refunded", "2026-07-01", total=total // 20_000 * 10_000 or total))
        elif fate < 0.35:
            calls.append(track("Order Cancelled", "2026-07-01"))
        elif fate < 0.5:
            calls.append(track("Order Updated", "2026-07-02", total=total + 50_000))
    calls.append(
        {
            "type": "identify",
            # Never at one moment: of two such words the id decides, which a twin has no part in.
            "timestamp": f"2026-08-0{chance.randint(1, 9)}T{10 + 'ab'.index(half)}:00:00Z",
            "traits": {"city": f"city {half}", f"only_{half}": chance.randint(1, 9)},
        }
    )
    return calls


def lived_by(calls: list[dict[str, Any]], user: str) -> list[dict[str, Any]]:
    """The calls as those of a user; orders are told apart by it."""
    named = []
    for number, call in enumerate(calls):
        said = {**call, "userId": user, "messageId": f"{user}-{number}"}
        if "properties" in call:
            said["properties"] = {**call["properties"], "order_id": f"{user}-{call['properties']['order_id']}"}
        named.append(said)
    return named


def some_answers(chance: random.Random, half: str) -> list[dict[str, Any]]:
    """What one half of a pair says of the firm, unhappy or happy; never both halves at one moment."""
    times = [f"2026-09-{10 + number}T0{1 + 'ab'.index(half)}:00:00Z" for number in range(chance.randint(1, 3))]
    return [{"answers": {"nps": {"score": chance.randint(0, 10)}}, "answered_at": at} for at in times]


def say(shop: Shop, survey: str, user: str, answers: list[dict[str, Any]]) -> None:
    """The answers come in as those of a user, under what kind of person it is."""
    for answer in answers:
        kind, reference = user.partition("-")[0], f"{user} {answer['answered_at']}"
        place = {"survey_id": survey, "customer": f"user_id:{user}", "reference": reference, "touchpoint": KINDS[kind]}
        shop.asked("POST", "/v1/responses", {**answer, **place})


# Under which touchpoint whoever answers is counted.
KINDS = {"a": "pair", "b": "pair", "twin": "twin", "whole": "whole"}


def nps(shop: Shop, kind: str) -> dict[str, Any]:
    """The figure of people of a kind, with how sure it is."""
    total = shop.json("/v1/metrics/nps", touchpoint=kind, **{"from": "2026-09-01", "to": "2026-09-30"})["total"]
    return {name: total[name] for name in ("value", "n", "buckets", "interval")}


def opinions(shop: Shop, customer: str) -> dict[str, Any]:
    """What a person was asked, said and complains of."""
    answers, cases, decisions = (
        shop.json(f"/v1/{what}", customer=customer, limit=200)["items"] for what in ("responses", "cases", "decisions")
    )
    return {
        "answers": sorted((each["answered_at"], each["score"], each["state"]) for each in answers),
        "cases": sorted((each["status"], each["priority"]) for each in cases),
        "decisions": sorted(each["reason"] for each in decisions),
    }


def told(shop: Shop, user: str) -> dict[str, Any]:
    """What every service says of a person, without what only says who they are."""
    customer = f"user_id:{user}"
    profile = shop.json(f"/v1/customers/{customer}")
    member = shop.get(f"/v1/loyalty/members/{customer}")
    wallets = member.json()["wallets"] if member.status_code == 200 else []
    tracks = shop.json(f"/v1/loyalty/members/{customer}/tiers")["tracks"]
    computed = shop.json(f"/v1/customers/{customer}/computed")
    # Who it is, and when loyalty said so, are their own.
    del computed["customer"]
    computed["open_cases"] = sorted(each["priority"] for each in computed["open_cases"])
    computed["tiers"] = {track: each["tier"] for track, each in computed["tiers"].items()}
    return {
        "traits": {name: each["value"] for name, each in profile["traits"].items()},
        "touchpoints": sorted(each["name"] for each in shop.touchpoints(customer)),
        "figures": shop.customer(customer),
        "points": [{name: each[name] for name in ("wallet", "available", "pending", "debt")} for each in wallets],
        "tiers": [(each["track"], each["level"]) for each in tracks],
        "computed": computed,
        "opinions": opinions(shop, customer),
    }


def a_firm(shop: Shop) -> str:
    """A firm with tiers and points, and a survey that anybody may be asked at any time; its id."""
    shop.asked("PUT", "/v1/loyalty/tiers/main", {"track": TRACK, "version": 0})
    orders = [{"trigger": {"on": "order"}, **rule} for rule in RULES]
    for number, rule in enumerate([*orders, THANKS]):
        body = {"name": f"rule {number}", "state": "active", "rule": rule}
        shop.asked("POST", "/v1/loyalty/earning/rules", {**body, "effective_from": LONG_AGO, "retroactive": True})
    shop.asked("PUT", "/v1/contact-rules", {"version": 0, "budget": [], "quiet": None})
    survey = str(shop.asked("POST", "/v1/surveys", SURVEY)["id"])
    shop.asked("POST", f"/v1/surveys/{survey}/publish", {"note": ""})
    shop.asked("PUT", f"/v1/surveys/{survey}/asking", {"version": 0, "consent": None})
    return survey


class Drawn(NamedTuple):
    """The days of all pairs, twins and wholes: calls that come before a merge, calls that come late, and answers."""

    before: list[dict[str, Any]]
    late: list[dict[str, Any]]
    answers: dict[str, list[dict[str, Any]]]


def drawn(chance: random.Random) -> Drawn:
    """Lives by chance."""
    found = Drawn([], [], {})
    for pair in range(PAIRS):
        lives = {half: a_life(chance, half) for half in "ab"}
        said = {half: some_answers(chance, half) for half in "ab"}
        found.answers[f"whole-{pair}"] = [*said["a"], *said["b"]]
        found.before.extend(lived_by([*lives["a"], *lives["b"]], f"whole-{pair}"))
        for half, calls in lives.items():
            found.answers[f"{half}-{pair}"] = found.answers[f"twin-{half}-{pair}"] = said[half]
            found.before.extend(lived_by(calls, f"twin-{half}-{pair}"))
            own = lived_by(calls, f"{half}-{pair}")
            cut = chance.randint(0, len(own))
            found.before.extend(own[:cut])
            found.late.extend(own[cut:])
    chance.shuffle(found.before)
    return found


def introduced(shop: Shop, survey: str, users: Iterable[str]) -> None:
    """Everybody is known, for what comes late must be of somebody, and is asked; a whole as often as its halves."""
    halves = [user for user in users for _ in ("ab" if user.startswith("whole") else "a")]
    calls = [{"type": "identify", "userId": user, "timestamp": LONG_AGO} for user in halves]
    shop.post("/v1/batch", {"batch": calls})
    for user in halves:
        shop.asked("POST", f"/v1/surveys/{survey}/invitations", {"customer": f"user_id:{user}"})


@pytest.mark.timeout(400)
def test_merged_is_as_if_one_and_apart_as_if_never_merged(empty_shop: Shop):
    shop, chance = empty_shop, random.Random(20261122)
    survey, lives = a_firm(shop), drawn(chance)
    introduced(shop, survey, lives.answers)
    for start in range(0, len(lives.before), 50):
        shop.post("/v1/batch", {"batch": lives.before[start : start + 50]})
    for user, answers in lives.answers.items():
        # Some come when they are one already.
        say(shop, survey, user, answers[: chance.randint(0, len(answers))])
    shop.settled()

    for pair in range(PAIRS):
        shop.asked("POST", f"/v1/customers/user_id:a-{pair}/merge", {"into": f"user_id:b-{pair}", "reason": "a test"})
    late = lives.late + chance.sample(lives.before, 30) + chance.sample(lives.late, min(10, len(lives.late)))
    chance.shuffle(late)
    shop.post("/v1/batch", {"batch": late})
    for user in chance.sample(sorted(lives.answers), len(lives.answers)):
        say(shop, survey, user, chance.sample(lives.answers[user], len(lives.answers[user])))
    shop.settled()
    for pair in range(PAIRS):
        assert told(shop, f"a-{pair}") == told(shop, f"b-{pair}")
        assert told(shop, f"a-{pair}") == told(shop, f"whole-{pair}"), pair
    assert nps(shop, "pair") == nps(shop, "whole") != nps(shop, "twin")

    for pair in range(PAIRS):
        shop.asked("POST", f"/v1/customers/user_id:a-{pair}/unmerge", {"reason": "two people after all"})
    shop.settled()
    for pair in range(PAIRS):
        for half in "ab":
            assert told(shop, f"{half}-{pair}") == told(shop, f"twin-{half}-{pair}"), pair
    assert nps(shop, "pair") == nps(shop, "twin")
