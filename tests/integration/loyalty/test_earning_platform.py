"""The whole way: a shop's call becomes an order with lines, and points by a rule on a category."""

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

from services.loyalty.app import service as loyalty
from services.touchpoints.app import service as touchpoints
from shared.testing.platform import Running, running_platform

TEA = {
    "trigger": {"on": "order"},
    "conditions": {"lines": {"categories": ["Trà"]}},
    "effect": {"kind": "per_amount", "per_minor": 10_000, "currency": "VND"},
}
REVIEW = {"trigger": {"on": "touchpoint", "name": "Product Reviewed"}, "effect": {"kind": "fixed", "points": 7}}


async def available(running: Running, points: int) -> int:
    """What the customer has, once it is what is expected or the patience is over."""
    for _ in range(100):
        await running.settled()
        found = (await running.crm.get("/v1/loyalty/members/user_id:lan")).json()
        have = sum(wallet["available"] for wallet in found["wallets"])
        if have == points:
            break
        await asyncio.sleep(0.05)
    return have


async def test_a_shop_s_order_earns_by_its_lines_and_a_refund_takes_its_share_back(database_url: str):
    async with running_platform(database_url, [touchpoints, loyalty]) as running:
        for name, rule in (("tea", TEA), ("review", REVIEW)):
            made = await running.crm.post(
                "/v1/loyalty/earning/rules", json={"name": name, "state": "active", "rule": rule}
            )
            assert made.status_code == 201, made.text
        products = [
            {"product_id": "t1", "category": "Trà", "price": 90_000, "quantity": 2},
            {"product_id": "c1", "category": "Cốc", "price": 120_000},
        ]
        money = {"order_id": str(uuid4()), "currency": "VND"}

        async def track(event: str, **properties: object) -> None:
            sent = {
                "userId": "lan",
                "event": event,
                "timestamp": datetime.now(UTC).isoformat(),
                "properties": properties,
            }
            assert (await running.shop.post("/v1/track", json=sent)).status_code == 200

        await track("Order Completed", **money, total=330_000, shipping=30_000, products=products)
        await track("Product Reviewed", product_id="t1", rating=5)
        assert await available(running, 18 + 7) == 25

        await track("Order Refunded", **money, total=165_000, refund_id="half")
        assert await available(running, 9 + 7) == 16
