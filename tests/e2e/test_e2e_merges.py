"""Merging and taking apart, through all services at once: who was never merged is the yardstick.

Each pair of customers has a *twin* pair that lives the same days and is never merged, and a *whole* that lives the
days of both under one id. While the pair is merged it must equal the whole, and once taken apart its halves must equal
the twins, however the facts were shuffled, repeated and late.
"""

import random
from typing import Any

import pytest
from e2e_world import Shop

PAIRS = 5
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
    computed["tiers"] = {track: each["tier"] for track, each in computed["tiers"].items()}
    return {
        "traits": {name: each["value"] for name, each in profile["traits"].items()},
        "touchpoints": sorted(each["name"] for each in shop.touchpoints(customer)),
        "figures": shop.customer(customer),
        "points": [{name: each[name] for name in ("wallet", "available", "pending", "debt")} for each in wallets],
        "tiers": [(each["track"], each["level"]) for each in tracks],
        "computed": computed,
    }


@pytest.mark.timeout(240)
def test_merged_is_as_if_one_and_apart_as_if_never_merged(empty_shop: Shop):
    shop = empty_shop
    chance = random.Random(20261122)
    shop.asked("PUT", "/v1/loyalty/tiers/main", {"track": TRACK, "version": 0})
    for number, rule in enumerate(RULES):
        body = {"name": f"rule {number}", "state": "active", "rule": {"trigger": {"on": "order"}, **rule}}
        shop.asked("POST", "/v1/loyalty/earning/rules", {**body, "effective_from": LONG_AGO, "retroactive": True})

    before: list[dict[str, Any]] = []
    late: list[dict[str, Any]] = []
    for pair in range(PAIRS):
        lives = {half: a_life(chance, half) for half in "ab"}
        before += lived_by([*lives["a"], *lives["b"]], f"whole-{pair}")
        for half, calls in lives.items():
            before += lived_by(calls, f"twin-{half}-{pair}")
            own = lived_by(calls, f"{half}-{pair}")
            cut = chance.randint(0, len(own))
            before += own[:cut]
            late += own[cut:]
    # What comes late must be of somebody: each half is known before they are merged.
    known = [
        {"type": "identify", "userId": f"{half}-{pair}", "timestamp": LONG_AGO}
        for pair in range(PAIRS)
        for half in "ab"
    ]
    known += [{**each, "userId": f"twin-{each['userId']}"} for each in known]
    known += [
        {"type": "identify", "userId": f"whole-{pair}", "timestamp": LONG_AGO} for pair in range(PAIRS) for _ in "ab"
    ]
    shop.post("/v1/batch", {"batch": known})
    chance.shuffle(before)
    for start in range(0, len(before), 50):
        shop.post("/v1/batch", {"batch": before[start : start + 50]})
    shop.settled()

    for pair in range(PAIRS):
        shop.asked("POST", f"/v1/customers/user_id:a-{pair}/merge", {"into": f"user_id:b-{pair}", "reason": "a test"})
    late += chance.sample(before, 30) + chance.sample(late, min(10, len(late)))
    chance.shuffle(late)
    shop.post("/v1/batch", {"batch": late})
    shop.settled()
    for pair in range(PAIRS):
        assert told(shop, f"a-{pair}") == told(shop, f"b-{pair}")
        assert told(shop, f"a-{pair}") == told(shop, f"whole-{pair}"), pair

    for pair in range(PAIRS):
        shop.asked("POST", f"/v1/customers/user_id:a-{pair}/unmerge", {"reason": "two people after all"})
    shop.settled()
    for pair in range(PAIRS):
        for half in "ab":
            assert told(shop, f"{half}-{pair}") == told(shop, f"twin-{half}-{pair}"), pair
