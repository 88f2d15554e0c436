"""A customer's way through loyalty as shops and CRMs drive it: orders, points, a tier, a code, a checkout, a return."""

from typing import Any

from e2e_world import Shop, client, eventually

MEMBER = "/v1/loyalty/members/user_id:lan"
ONE_PER_10K = {
    "trigger": {"on": "order"},
    "effect": {"kind": "per_amount", "points": 1, "per_minor": 10_000, "currency": "VND"},
}
DOUBLE_FOR_GOLD = {"trigger": {"on": "order"}, "effect": {"kind": "tier_multiplier", "track": "main"}}
TIERS = {
    "measure": {"by": "spend", "currency": "VND"},
    "window": {"kind": "calendar_year"},
    "levels": [
        {"key": "silver", "labels": {"vi": "Bạc", "en": "Silver"}, "threshold": 1},
        {
            "key": "gold",
            "labels": {"vi": "Vàng", "en": "Gold"},
            "threshold": 1_000_000,
            "benefits": {"multiplier": 2},
        },
    ],
}
A_POINT_IS_1000_VND = {"currency": "VND", "points": 1, "minor": 1_000}


def said(event: str, order_id: str, total: int, who: dict[str, str]) -> dict[str, Any]:
    """What the shop tells of an order, in dong."""
    properties = {"order_id": order_id, "total": total, "currency": "VND"}
    return {"type": "track", "event": event, **who, "properties": properties}


def points(shop: Shop) -> dict[str, int]:
    """What Lan has."""
    answer = shop.get(MEMBER)
    wallets = answer.json().get("wallets", []) if answer.status_code == 200 else []
    found = next((each for each in wallets if each["wallet"] == "points"), {})
    return {name: found.get(name, 0) for name in ("available", "held", "debt")}


def set_up(shop: Shop) -> None:
    """A programme, as a firm would begin."""
    wallet = {"points": {"pays": [A_POINT_IS_1000_VND]}}
    version = shop.asked(
        "POST", "/v1/loyalty/program/versions", {"zone": "Asia/Ho_Chi_Minh", "wallets": wallet, "note": "Tết"}
    )["version"]
    shop.asked("POST", f"/v1/loyalty/program/versions/{version}/activate", {})
    shop.asked("PUT", "/v1/loyalty/tiers/main", {"track": TIERS, "version": 0})
    for name, rule in (("one per 10,000", ONE_PER_10K), ("double for gold", DOUBLE_FOR_GOLD)):
        shop.asked("POST", "/v1/loyalty/earning/rules", {"name": name, "state": "active", "rule": rule})


def a_code(shop: Shop) -> str:
    """A campaign with one code that everybody may know."""
    terms = {"benefit": {"type": "percentage", "percent": 10, "cap_minor": 50_000}}
    body = {"name": "Chào bạn", "codes": "shared", "currency": "VND", "max_uses": 1, "terms": terms}
    campaign = f"/v1/loyalty/campaigns/{shop.asked('POST', '/v1/loyalty/campaigns', body)['id']}"
    shop.asked("POST", f"{campaign}/state", {"state": "active"})
    shop.asked("POST", f"{campaign}/shared-codes", {"code": "CHAOBAN"})
    return campaign


def test_a_customer_earns_rises_pays_and_brings_back(empty_shop: Shop):
    shop = empty_shop
    set_up(shop)
    campaign = a_code(shop)
    visitor, lan = {"anonymousId": "visitor-1"}, {"userId": "lan"}

    # What a visitor bought is theirs once they say who they are.
    first = said("Order Completed", "o-1", 1_200_000, visitor)
    shop.post("/v1/batch", {"batch": [first, {"type": "identify", **visitor, **lan}]})
    eventually(lambda: points(shop), {"available": 120, "held": 0, "debt": 0})
    assert shop.json(f"{MEMBER}/tiers")["tracks"][0]["level"] == "gold"

    # As gold the next one is worth double; sent twice, it counts once.
    second = said("Order Completed", "o-2", 500_000, lan)
    second["messageId"] = "m-2"
    for _ in range(2):
        shop.post("/v1/batch", {"batch": [second]})
    eventually(lambda: points(shop)["available"], 220)

    # At the checkout the last code of the campaign and 100 points are held together, or not at all.
    lines = [{"id": "1", "product_id": "ao-dai", "quantity": 2, "unit_minor": 200_000}]
    basket = {"currency": "VND", "order_id": "o-3", "lines": lines}
    body = {"customer": "user_id:lan", "basket": basket, "vouchers": ["chaoban"], "points": 100}
    held = shop.asked("POST", "/v1/loyalty/reservations", body)
    assert points(shop) == {"available": 120, "held": 100, "debt": 0}
    late = client().post(
        f"{shop.base_url}/v1/loyalty/redemptions",
        json={**body, "customer": "user_id:minh", "basket": {**basket, "order_id": "o-4"}, "points": 0},
        headers={"Authorization": f"Bearer {shop.secret_key}"},
    )
    refusal = late.json()
    assert (late.status_code, refusal["vouchers"][0]["reason"]) == (409, "campaign_used_up"), late.text
    used = shop.asked("POST", f"/v1/loyalty/reservations/{held['id']}/commit", {})
    assert points(shop) == {"available": 120, "held": 0, "debt": 0}
    assert shop.json(campaign)["spent_minor"] == 40_000

    # It is brought back: the points go where they came from, the code is free again.
    shop.asked("POST", f"/v1/loyalty/redemptions/{used['id']}/rollbacks", {"reason": "returned"})
    assert points(shop)["available"] == 220
    assert (shop.json(campaign)["redeemed"], shop.json(campaign)["spent_minor"]) == (0, 0)

    # Half of the second order goes back, and half of what it earned.
    shop.post("/v1/batch", {"batch": [said("Order Refunded", "o-2", 250_000, lan)]})
    eventually(lambda: points(shop)["available"], 170)

    shop.settled()
    shop.asked("POST", "/v1/customers/anonymous_id:visitor-1/unmerge", {"reason": "somebody else's telephone"})
    eventually(lambda: points(shop)["available"], 25)
    owed = shop.json("/v1/loyalty/reports/liability")["wallets"]
    assert [each["wallet"] for each in owed] == ["points"]
    eventually(lambda: shop.json("/v1/loyalty/invariants")["holds"], True)
