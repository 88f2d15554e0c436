"""A small shop, the same each time: some dozens of people, their orders, and a day of everything the platform does."""

import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from shared.testing.platform import Running

sys.path.append(str(Path(__file__).parents[1] / "contract"))
from test_events_live import everything

PEOPLE = 40
ORDERS = 160
FIRST = datetime(2026, 1, 5, 2, tzinfo=UTC)
FIGURES = ("orders", "gross", "refunds", "net")
_NAMES = ("Nguyễn Thị Hạnh", "Trần Văn Phúc", "Lê Ngọc Ánh", "Phạm Quốc Bảo", "Hoàng Mỹ Linh")


def calls() -> list[dict[str, Any]]:
    """What the shop sends: who they are, what they buy, change and give back; the same each time."""
    draw = random.Random(2026)
    people = [
        {
            "type": "identify",
            "userId": f"kh-{number}",
            "anonymousId": f"may-{number}",
            "messageId": f"i-{number}",
            "timestamp": FIRST.isoformat(),
            "traits": {"name": f"{_NAMES[number % 5]} {number}", "email": f"kh{number}@thu.example", "city": "Huế"},
        }
        for number in range(PEOPLE)
    ]
    orders = []
    for number in range(ORDERS):
        at = FIRST + timedelta(hours=draw.randrange(24 * 240))
        who = {"userId": f"kh-{draw.randrange(PEOPLE)}"}
        total = draw.randrange(20, 2_000) * 1_000
        orders.append(_track("Order Completed", f"o-{number}", at, who, total))
        if number % 7 == 0:
            orders.append(_track("Order Refunded", f"o-{number}", at + timedelta(days=3), who, total // 2))
    return people + orders


def _track(event: str, order: str, at: datetime, who: dict[str, str], total: int) -> dict[str, Any]:
    kind = event.rpartition(" ")[2].lower()
    properties = {"order_id": f"kept-{order}", "total": total, "currency": "VND"}
    message = {"messageId": f"{kind}-{order}", "timestamp": at.isoformat(), "properties": properties}
    return {"type": "track", "event": event, **who, **message}


async def run_through(running: Running) -> None:
    """Let the shop live, through all services, until every figure is final."""
    sent = calls()
    for start in range(0, len(sent), 100):
        answer = await running.shop.post("/v1/batch", json={"batch": sent[start : start + 100]})
        assert answer.status_code == 200, answer.text
        assert answer.json().get("rejected", []) == []
    await running.settled()
    await everything(running)


async def figures(running: Running, as_of: str | None = None) -> dict[str, Any]:
    """The shop's figures as of a day, or now, and in which part of their life its customers are."""
    params = {"currency": "VND", "window": "365", **({} if as_of is None else {"as_of": as_of})}
    answer = await running.crm.get("/v1/metrics/summary", params=params)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    lives = {
        f"{period}.{name}": each["value"] for period, told in found["lifecycle"].items() for name, each in told.items()
    }
    return {**{name: found[name]["value"] for name in FIGURES}, **lives}


async def dead_letters(running: Running) -> int:
    """How many facts no service could handle."""
    number = 0
    for _, db in running.platform.databases():
        async with db.read() as tx:
            number += (await tx.execute("SELECT count(*) FROM dead_letters")).scalar_one()
    return number
