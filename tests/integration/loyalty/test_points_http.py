"""Points over HTTP: what staff and shops do with them, and what they are told."""

from typing import Any

import httpx
import pytest

from shared.testing.platform import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

LAN = "/v1/loyalty/members/user_id:lan"


async def given(running: Running, who: str, points: int, **more: Any) -> httpx.Response:
    body = {"points": points, "reason": "goodwill", **more}
    return await running.crm.post(f"/v1/loyalty/members/user_id:{who}/adjustments", json=body)


async def wallet(running: Running, who: str, name: str = "points") -> dict[str, Any]:
    answer = await running.crm.get(f"/v1/loyalty/members/user_id:{who}")
    assert answer.status_code == 200, answer.text
    return next(each for each in answer.json()["wallets"] if each["wallet"] == name)


async def test_points_are_given_held_spent_and_told(module_running: Running):
    running = module_running
    assert (await wallet(running, "lan"))["available"] == 0
    assert (await given(running, "lan", 100, note="Xin lỗi vì giao trễ")).status_code == 201
    hold = (await running.crm.post(f"{LAN}/holds", json={"points": 70})).json()
    assert (await wallet(running, "lan"))["available"] == 30
    done = await running.crm.post(f"/v1/loyalty/holds/{hold['id']}/commit", json={"points": 50, "reference": "o-1"})
    assert (done.status_code, done.json()["state"], done.json()["captured"]) == (200, "captured", 50)
    assert (await wallet(running, "lan"))["available"] == 50
    again = await running.crm.post(f"/v1/loyalty/holds/{hold['id']}/commit", json={"points": 50})
    assert (again.status_code, again.json()["code"]) == (409, "loyalty.hold_ended")
    lines = (await running.crm.get(f"{LAN}/ledger")).json()["items"]
    assert [(each["kind"], each["points"]) for each in lines] == [
        ("released", 0), ("spent", -50), ("held", 0), ("adjusted", 100),
    ]  # fmt: skip
    report = (await running.crm.get("/v1/loyalty/reports/liability")).json()
    assert report["outstanding"][0]["available"] == 50
    print(report)
    await running.platform.value("loyalty").invariants.check()
    print((await running.crm.get("/v1/loyalty/invariants")).json())
    print((await running.crm.get("/v1/loyalty/reports/liability.csv")).text)
    print((await running.crm.get(f"{LAN}/lots?open=false")).json())
    print((await running.crm.get(f"{LAN}/expiring")).json())
    print((await running.crm.get("/v1/loyalty/program")).json())
