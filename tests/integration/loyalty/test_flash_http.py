"""Flash sales over HTTP: as a shop and its staff use them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from flash_world import ZONE

from services.loyalty.app import service as loyalty
from shared.testing.platform import BASE_URL, Running, running_platform


@pytest.fixture
async def running(database_url: str) -> AsyncIterator[Running]:
    async with running_platform(database_url, (loyalty,), role="api") as platform:
        yield platform


def a_sale(**rest: Any) -> dict[str, Any]:
    now = datetime.now(UTC).astimezone(ZONE).replace(tzinfo=None, microsecond=0)
    return {
        "name": "Giờ vàng",
        "starts_local": (now - timedelta(hours=1)).isoformat(),
        "ends_local": (now + timedelta(hours=1)).isoformat(),
        "items": [{"item": "nón lá", "units": 3, "max_per_person": 2}],
        **rest,
    }


async def made(crm: httpx.AsyncClient, **rest: Any) -> dict[str, Any]:
    answer = await crm.post("/v1/loyalty/flash-sales", json=a_sale(**rest))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def claim(crm: httpx.AsyncClient, sale: dict[str, Any], who: str, **rest: Any) -> httpx.Response:
    body = {"key": who, "item": "nón lá", "customer": f"user_id:{who}", **rest}
    return await crm.post(f"/v1/loyalty/flash-sales/{sale['id']}/claims", json=body)


async def test_a_sale_from_its_first_claim_to_sold_out(running: Running):
    crm, sale = running.crm, await made(running.crm)
    assert (sale["state"], sale["zone"]) == ("open", "Asia/Ho_Chi_Minh")

    first = await claim(crm, sale, "ann", units=2)
    again = await claim(crm, sale, "ann", units=2)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json()["state"] == "confirmed"
    answers = [
        await claim(crm, sale, "ann", key="more"),
        await claim(crm, sale, "bob", units=2),
        await claim(crm, sale, "bob"),
        await claim(crm, sale, "cam"),
        await claim(crm, sale, "ann", units=1),
    ]
    assert [(answer.status_code, answer.json().get("code")) for answer in answers] == [
        (409, "loyalty.flash_limit_reached"),
        (409, "loyalty.flash_not_enough_left"),
        (201, None),
        (409, "loyalty.flash_sold_out"),
        (422, "loyalty.flash_key_reused"),
    ]
    assert answers[1].json()["remaining"] == 1
    assert (await crm.get(f"/v1/loyalty/flash-claims/{first.json()['id']}")).json() == first.json()


async def test_what_is_left_can_be_polled(running: Running):
    crm, sale = running.crm, await made(running.crm)
    path = f"/v1/loyalty/flash-sales/{sale['id']}"
    before = await crm.get(path)
    assert before.json()["items"][0]["remaining"] == 3
    await asyncio.sleep(0.11)
    assert (await crm.get(path, headers={"If-None-Match": before.headers["etag"]})).status_code == 304
    await claim(crm, sale, "ann")
    await asyncio.sleep(0.11)
    after = await crm.get(path, headers={"If-None-Match": before.headers["etag"]})
    assert (after.status_code, after.json()["items"][0]["remaining"]) == (200, 2)


async def test_staff_pauses_extends_adds_and_ends(running: Running):
    crm, sale = running.crm, await made(running.crm)
    path = f"/v1/loyalty/flash-sales/{sale['id']}"
    later = (datetime.fromisoformat(sale["ends_local"]) + timedelta(hours=1)).isoformat()

    async def done(verb: str, body: dict[str, Any] | None = None, key: str | None = None) -> dict[str, Any]:
        answer = await crm.post(f"{path}/{verb}", json=body, headers={"Idempotency-Key": key or str(uuid4())})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    assert (await done("pause"))["state"] == "paused"
    assert (await claim(crm, sale, "ann")).json()["code"] == "loyalty.flash_paused"
    assert (await done("resume"))["state"] == "open"
    assert (await done("extend", {"ends_local": later}))["ends_local"] == later
    for _ in range(2):
        added = await done("units", {"item": "nón lá", "units": 4}, key="once")
        assert added["items"][0]["units"] == 7
    names = [each["item"] for each in (await done("items", {"item": "quạt", "units": 1}))["items"]]
    assert names == ["nón lá", "quạt"]
    twice = await crm.post(f"{path}/items", json={"item": "quạt", "units": 1})
    assert (twice.status_code, twice.json()["code"]) == (409, "loyalty.flash_item_exists")
    assert (await done("end"))["state"] == "ended"
    assert (await claim(crm, sale, "ann")).json()["code"] == "loyalty.flash_over"
    assert (await crm.post(f"{path}/resume")).json()["code"] == "loyalty.flash_over"


async def test_a_claim_is_paid_or_given_back(running: Running):
    crm, sale = running.crm, await made(running.crm, claim_seconds=900)
    paid, given = (await claim(crm, sale, "ann")).json(), (await claim(crm, sale, "bob")).json()
    assert (paid["state"], given["state"]) == ("held", "held")

    for _ in range(2):
        answer = await crm.post(f"/v1/loyalty/flash-claims/{paid['id']}/confirm", json={"order_id": "o-1"})
        assert (answer.json()["state"], answer.json()["order_id"]) == ("confirmed", "o-1")
        answer = await crm.post(f"/v1/loyalty/flash-claims/{given['id']}/release")
        assert answer.json()["state"] == "released"
    crossed = await crm.post(f"/v1/loyalty/flash-claims/{paid['id']}/release")
    assert (crossed.status_code, crossed.json()["state"]) == (409, "confirmed")
    crossed = await crm.post(f"/v1/loyalty/flash-claims/{given['id']}/confirm", json={})
    assert (crossed.status_code, crossed.json()["state"]) == (409, "released")


async def test_sales_are_listed_page_by_page(running: Running):
    sales = [await made(running.crm, name=f"sale {number}") for number in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        params = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = (await running.crm.get("/v1/loyalty/flash-sales", params=params)).json()
        seen += [each["id"] for each in page["items"]]
        cursor = page["next_cursor"]
    assert cursor is None
    assert sorted(seen) == sorted(sale["id"] for sale in sales)
    assert (await running.crm.get("/v1/loyalty/flash-sales", params={"cursor": "x"})).status_code == 400


async def test_what_is_not_there_and_what_makes_no_sense(running: Running):
    crm, sale = running.crm, await made(running.crm)
    nowhere = {"id": uuid4()}
    codes = [
        (await crm.get(f"/v1/loyalty/flash-sales/{nowhere['id']}")).json()["code"],
        (await crm.post(f"/v1/loyalty/flash-sales/{nowhere['id']}/pause")).json()["code"],
        (await claim(crm, nowhere, "ann")).json()["code"],
        (await claim(crm, sale, "ann", item="sky")).json()["code"],
        (await claim(crm, sale, "ann", customer="ann")).json()["code"],
        (await claim(crm, sale, "ann", units=0)).json()["code"],
        (await crm.post("/v1/loyalty/flash-sales", json=a_sale(zone="Hanoi"))).json()["code"],
        (await crm.post("/v1/loyalty/flash-sales", json=a_sale(ends_local="2020-01-01T00:00"))).json()["code"],
    ]
    assert codes == [
        "loyalty.flash_sale_unknown",
        "loyalty.flash_sale_unknown",
        "loyalty.flash_item_unknown",
        "loyalty.flash_item_unknown",
        "loyalty.flash_bad_customer",
        "invalid",
        "invalid",
        "loyalty.flash_bad_time",
    ]


async def test_each_door_asks_for_its_scope(running: Running):
    sale = await made(running.crm)
    _, reader = await running.platform.keyring.create("secret", "screen", scopes=("loyalty:read",))
    transport = httpx.ASGITransport(app=running.platform.app)
    async with httpx.AsyncClient(
        transport=transport, base_url=BASE_URL, headers={"Authorization": f"Bearer {reader}"}
    ) as screen:
        assert (await screen.get(f"/v1/loyalty/flash-sales/{sale['id']}")).status_code == 200
        for refused in (await claim(screen, sale, "ann"), await screen.post("/v1/loyalty/flash-sales", json=a_sale())):
            assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")


async def test_a_lottery_from_its_promise_to_a_claim(running: Running):
    crm = running.crm
    lots = {"enters_local": "2020-01-01T00:00", "enters_until_local": "2090-01-01T00:00"}
    sale = await made(crm, order="lottery", lottery=lots, ends_local="2095-01-01T00:00")
    path = f"/v1/loyalty/flash-sales/{sale['id']}"
    assert (sale["order"], len(sale["lottery"]["seed_hash"]), sale["lottery"]["drawn_at"]) == ("lottery", 64, None)

    async def enter(who: str, **rest: Any) -> httpx.Response:
        return await crm.post(f"{path}/entries", json={"item": "nón lá", "customer": f"user_id:{who}", **rest})

    first, again = await enter("ann"), await enter("ann")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    tickets = {who: (await enter(who)).json()["id"] for who in ("ann", "bob", "cam", "dung", "em")}
    assert (await claim(crm, sale, "ann")).json()["code"] == "loyalty.flash_not_drawn"
    gone = await crm.post(f"/v1/loyalty/flash-entries/{tickets['em']}/withdraw")
    assert (gone.status_code, gone.json()["state"]) == (200, "withdrawn")
    async with running.platform.value("loyalty").db.write() as tx:
        await tx.execute("UPDATE flash_draws SET enters_until = now()")
    await running.platform.value("loyalty").flash_draws.run()

    draw = (await crm.get(f"{path}/draw")).json()
    assert (draw["seed_hash"], len(draw["seed"])) == (sale["lottery"]["seed_hash"], 64)
    assert draw["items"][0]["entries"] == 4
    page = (await crm.get(f"{path}/tickets", params={"item": "nón lá", "limit": 3})).json()
    rest = await crm.get(f"{path}/tickets", params={"item": "nón lá", "limit": 3, "cursor": page["next_cursor"]})
    listed = page["items"] + rest.json()["items"]
    assert [each["place"] for each in listed] == [1, 2, 3, 4]
    assert [each["state"] for each in listed] == ["won", "won", "won", "waiting"]
    names = {ticket: who for who, ticket in tickets.items()}
    winner, loser = names[listed[0]["ticket"]], names[listed[3]["ticket"]]
    assert (await claim(crm, sale, winner)).status_code == 201
    assert (await claim(crm, sale, loser)).json()["code"] == "loyalty.flash_not_drawn"
    assert (await crm.get(f"/v1/loyalty/flash-entries/{tickets[winner]}")).json()["state"] == "claimed"
    added = await crm.post(f"{path}/items", json={"item": "quạt", "units": 1})
    assert (added.status_code, added.json()["code"]) == (409, "loyalty.flash_draw_held")


async def test_a_waiting_room_over_http(running: Running):
    crm = running.crm
    sale = await made(crm, waiting_room={"admit_per_second": 0.01})
    path = f"/v1/loyalty/flash-sales/{sale['id']}"
    assert sale["waiting_room"] == {"admit_per_second": 0.01, "pass_seconds": 300}
    assert (await claim(crm, sale, "ann")).json()["code"] == "loyalty.flash_pass_needed"
    line = [(await crm.post(f"{path}/waiting", json={"customer": f"user_id:{who}"})).json() for who in ("ann", "bob")]

    assert [each["is_in"] for each in line] == [True, False]
    assert (await claim(crm, sale, "ann", token=line[0]["token"])).status_code == 201
    early = await claim(crm, sale, "bob", token=line[1]["token"])
    assert (early.status_code, early.json()["code"], early.json()["ahead"]) == (429, "loyalty.flash_waiting", 0)
    assert int(early.headers["Retry-After"]) > 60
    where = await crm.post(f"{path}/waiting/position", json={"token": line[1]["token"]})
    assert (where.json()["number"], where.json()["is_in"]) == (line[1]["number"], False)
    assert (await crm.post(f"{path}/waiting/position", json={"token": "x"})).json()["code"] == "loyalty.flash_bad_pass"
    faster = await crm.put(f"{path}/waiting-room", json={"admit_per_second": 1000})
    assert faster.json()["waiting_room"]["admit_per_second"] == 1000


async def test_a_lottery_and_its_times_make_sense_or_are_refused(running: Running):
    lots = {"enters_local": "2020-01-01T00:00", "enters_until_local": "2090-01-01T00:00"}
    refused = [
        {"order": "lottery"},
        {"lottery": lots},
        {"order": "raffle", "lottery": lots},
        {"order": "lottery", "lottery": {**lots, "right_seconds": 5}},
        {"order": "lottery", "lottery": {**lots, "enters_until_local": "2019-01-01T00:00"}},
        {"order": "lottery", "lottery": lots},
        {"waiting_room": {"admit_per_second": 0}},
        {"waiting_room": {"admit_per_second": float(10**9)}},
    ]
    answers = [await running.crm.post("/v1/loyalty/flash-sales", json=a_sale(**each)) for each in refused]
    assert {each.status_code for each in answers} == {422}
    codes = [each.json()["code"] for each in answers]
    assert codes == ["invalid"] * 4 + ["loyalty.flash_bad_time"] * 2 + ["invalid"] * 2
