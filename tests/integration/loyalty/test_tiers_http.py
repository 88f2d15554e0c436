"""Tiers over HTTP: made, read, tried, set by hand; bad input is refused with a code."""

from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from httpx import AsyncClient

from shared.ids import user_key
from shared.testing.platform import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRACK: dict[str, Any] = {
    "measure": {"by": "orders"},
    "window": {"kind": "rolling", "months": 12},
    "levels": [
        {"key": "silver", "labels": {"vi": "Bạc"}, "threshold": 2},
        {"key": "gold", "labels": {"vi": "Vàng"}, "threshold": 5, "benefits": {"multiplier": "1.5"}},
    ],
}


@pytest_asyncio.fixture(loop_scope="module")
async def crm(module_running: Running) -> AsyncClient:
    return module_running.crm


async def a_track(crm: AsyncClient, key: str) -> dict[str, Any]:
    made = await crm.put(f"/v1/loyalty/tiers/{key}", json={"track": TRACK, "version": 0})
    assert made.status_code in (201, 409), made.text
    return (await crm.get(f"/v1/loyalty/tiers/{key}")).json()


async def test_a_track_is_made_once_and_changed_by_version(crm: AsyncClient):
    body = {"track": TRACK, "version": 0}

    made = await crm.put("/v1/loyalty/tiers/made", json=body)
    again = await crm.put("/v1/loyalty/tiers/made", json=body)
    changed = await crm.put("/v1/loyalty/tiers/made", json={**body, "version": 1})
    versions = (await crm.get("/v1/loyalty/tiers/made/versions")).json()

    assert (made.status_code, made.json()["version"], made.json()["members"]) == (201, 1, {"silver": 0, "gold": 0})
    assert (again.status_code, again.json()["code"], again.json()["version"]) == (409, "loyalty.track_moved", 1)
    assert changed.status_code == 200
    assert [each["version"] for each in versions] == [2, 1]


async def test_a_level_set_by_hand_is_seen_at_once(crm: AsyncClient):
    await a_track(crm, "main")
    person, headers = f"vip-{uuid4()}", {"Idempotency-Key": str(uuid4())}
    url = f"/v1/loyalty/members/user_id:{person}/tiers"
    grant = {"level": "gold", "reason": "Khách quý"}

    first = await crm.post(f"{url}/main/grants", json=grant, headers=headers)
    again = await crm.post(f"{url}/main/grants", json=grant, headers=headers)
    stands = {each["track"]: each for each in (await crm.get(url)).json()["tracks"]}["main"]
    members = (await crm.get("/v1/loyalty/tiers/main/levels/gold/members")).json()["items"]
    await crm.post(f"{url}/main/grants", json={"level": None, "reason": "Hết hạn"})
    lifted = {each["track"]: each for each in (await crm.get(url)).json()["tracks"]}["main"]

    assert first.json() == again.json()
    assert (stands["level"], stands["labels"], stands["multiplier"]) == ("gold", {"vi": "Vàng"}, "1.5")
    assert (stands["next"], stands["grant"]["reason"], stands["by_facts"]) == (None, "Khách quý", None)
    assert {"customer": str(user_key(person))} in members
    assert (lifted["level"], lifted["next"]["missing"]) == (None, 2)


@pytest.mark.parametrize(
    ("track", "pointer"),
    [
        ({**TRACK, "levels": []}, "/track/levels"),
        ({**TRACK, "levels": list(reversed(TRACK["levels"]))}, "/track"),
        ({**TRACK, "levels": [{"key": "s", "threshold": 0.5}]}, "/track/levels/0/threshold"),
        ({**TRACK, "window": {"kind": "rolling", "months": -1}}, "/track/window/rolling/months"),
        ({**TRACK, "measure": {"by": "spend", "currency": "VNĐ"}}, "/track/measure/spend/currency"),
        ({**TRACK, "downgrade": "to_hell"}, "/track/downgrade"),
    ],
)
async def test_a_track_that_cannot_work_is_refused_with_its_place(
    crm: AsyncClient, track: dict[str, Any], pointer: str
):
    answer = await crm.put("/v1/loyalty/tiers/bad", json={"track": track, "version": 0})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/v1/loyalty/tiers/none", None, 404, "loyalty.track_unknown"),
        ("GET", "/v1/loyalty/tiers/main/levels/diamond/members", None, 404, "loyalty.level_unknown"),
        ("GET", "/v1/loyalty/tiers/main/levels/gold/members?cursor=x", None, 400, "bad_cursor"),
        ("GET", "/v1/loyalty/members/nobody/tiers", None, 400, "loyalty.bad_tier_member"),
        ("GET", "/v1/loyalty/members/user_id:x/tiers?as_of=yesterday", None, 422, "invalid"),
        (
            "POST",
            "/v1/loyalty/members/user_id:x/tiers/main/grants",
            {"level": "diamond", "reason": "r"},
            404,
            "loyalty.level_unknown",
        ),
        ("POST", "/v1/loyalty/members/user_id:x/tiers/main/grants", {"level": "gold", "reason": ""}, 422, "invalid"),
        (
            "PUT",
            "/v1/loyalty/tiers/wallets",
            {"track": {**TRACK, "measure": {"by": "points", "wallet": "sao"}}, "version": 0},
            422,
            "loyalty.bad_track",
        ),
    ],
)
async def test_what_cannot_be(
    crm: AsyncClient, method: str, path: str, body: dict[str, Any] | None, status: int, code: str
):
    await a_track(crm, "main")

    answer = await crm.request(method, path, json=body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
