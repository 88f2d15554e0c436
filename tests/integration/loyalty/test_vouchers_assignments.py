"""Codes for customers: one for each key, however many ask at once, told again and never kept in clear."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import orjson
import pytest
from loyalty_world import LoyaltyWorld
from vouchers_stand import campaign

from services.loyalty.vouchers.errors import (
    AlreadyAssigned,
    AssignmentKeyTaken,
    CampaignUnknown,
    CodesGone,
    ValueNeeded,
    WrongKindOfCodes,
    WrongState,
)
from services.loyalty.vouchers.schemas.assignments import AssignIn
from services.loyalty.vouchers.service import Assign, Assigned
from shared.delivery.idempotency import Idempotent
from shared.errors import AppError
from shared.events.catalogue.loyalty import VoucherIssued
from shared.ids import anonymous_key, user_key
from shared.testing.platform import Running

LAN, LANS_PHONE, MINH = user_key("lan"), anonymous_key("lan-phone"), user_key("minh")


async def assign(world: LoyaltyWorld, campaign_id: UUID, person: UUID, key: str = "o-1", **rest: int) -> Assigned:
    async with world.db.write() as tx:
        return await world.service.assignments.assign(tx, Assign(campaign_id, person, key, **rest))


async def test_an_assigned_code_is_its_customers_and_is_announced_once(world: LoyaltyWorld):
    campaign_id = await campaign(world.service)

    first = await assign(world, campaign_id, LAN)
    again = await assign(world, campaign_id, LAN)

    assert (first.is_new, again.is_new) == (True, False)
    assert first.code is not None
    assert (again.code, again.voucher.id) == (first.code, first.voucher.id)
    found = await world.service.codes.look_up(first.code)
    assert found is not None
    assert found.holder == LAN
    (event,) = await world.announced(VoucherIssued)
    assert (event.subject, event.data.voucher_id, event.data.campaign) == (LAN, first.voucher.id, str(campaign_id))


async def test_many_who_ask_at_once_for_one_key_get_one_code(world: LoyaltyWorld):
    campaign_id = await campaign(world.service)

    found = await asyncio.gather(*(assign(world, campaign_id, LAN) for _ in range(16)))

    assert len({each.voucher.id for each in found}) == 1
    assert sum(each.is_new for each in found) == 1
    assert await world.value("SELECT count(*) FROM codes") == 1


async def test_one_key_is_for_one_customer(world: LoyaltyWorld):
    campaign_id = await campaign(world.service)

    async def tried(person: UUID) -> str:
        try:
            return "assigned" if (await assign(world, campaign_id, person)).is_new else "again"
        except AssignmentKeyTaken as refusal:
            return refusal.code

    found = await asyncio.gather(*(tried(user_key(f"u{number}")) for number in range(12)))

    assert sorted(found) == ["assigned"] + ["loyalty.assignment_key_taken"] * 11
    assert await world.value("SELECT count(*) FROM codes") == 1


async def test_once_per_customer_holds_over_all_their_keys(world: LoyaltyWorld):
    campaign_id = await campaign(world.service, coding={"once_per_customer": True})
    await world.merge(LANS_PHONE, LAN)

    async def tried(number: int) -> bool:
        try:
            await assign(world, campaign_id, (LAN, LANS_PHONE)[number % 2], f"o-{number}")
        except AlreadyAssigned:
            return False
        return True

    assert sum(await asyncio.gather(*(tried(number) for number in range(12)))) == 1
    assert (await assign(world, campaign_id, MINH, "o-99")).is_new


async def test_two_persons_have_what_each_had_and_one_has_both(world: LoyaltyWorld):
    campaign_id = await campaign(world.service)
    of_phone, of_lan = await assign(world, campaign_id, LANS_PHONE, "a"), await assign(world, campaign_id, LAN, "b")

    async def vouchers(person: UUID) -> list[UUID]:
        return [each.id for each in await world.service.assignments.of(person, before=None, limit=10)]

    apart = [await vouchers(LAN), await vouchers(LANS_PHONE)]
    await world.merge(LANS_PHONE, LAN)
    together = [await vouchers(LAN), await vouchers(LANS_PHONE)]
    await world.unmerge(LANS_PHONE, LAN)

    assert apart == [[of_lan.voucher.id], [of_phone.voucher.id]]
    assert together == [[of_lan.voucher.id, of_phone.voucher.id]] * 2
    assert [await vouchers(LAN), await vouchers(LANS_PHONE)] == apart


async def test_the_kept_answer_tells_the_code_again_without_holding_it(world: LoyaltyWorld):
    campaign_id = await campaign(world.service)
    idem = Idempotent("crm:1", b"x" * 32)
    body = AssignIn(customer="user_id:lan")

    first = await world.service.assignments.request(campaign_id, LAN, body, by="crm", idem=idem)
    again = await world.service.assignments.request(campaign_id, LAN, body, by="crm", idem=idem)

    assert again.is_replay
    assert orjson.loads(again.body) == orjson.loads(first.body)
    assert orjson.loads(first.body)["code"]
    (kept,) = await world.rows("SELECT body FROM idempotency_keys")
    assert orjson.loads(kept.body)["code"] is None


@pytest.mark.parametrize(
    ("now", "days", "ends"),
    [
        # 23:30 on the 22nd in Việt Nam: one day is what is left of it.
        (datetime(2026, 11, 22, 16, 30, tzinfo=UTC), 1, datetime(2026, 11, 22, 17, 0, tzinfo=UTC)),
        (datetime(2026, 11, 22, 17, 0, tzinfo=UTC), 1, datetime(2026, 11, 23, 17, 0, tzinfo=UTC)),
        (datetime(2028, 2, 28, 5, 0, tzinfo=UTC), 2, datetime(2028, 2, 29, 17, 0, tzinfo=UTC)),
        (datetime(2026, 11, 22, 9, 0, tzinfo=UTC), 30, datetime(2026, 12, 21, 17, 0, tzinfo=UTC)),
    ],
)
async def test_a_code_holds_so_many_local_days(world: LoyaltyWorld, now: datetime, days: int, ends: datetime):
    campaign_id = await campaign(world.service, coding={"days": days})
    world.clock.time = now

    assert (await assign(world, campaign_id, LAN)).voucher.expires_at == ends


async def test_a_gift_card_is_given_with_its_value(world: LoyaltyWorld):
    cards = await campaign(world.service, terms={"benefit": {"type": "stored_value"}})

    assert (await assign(world, cards, LAN, value_minor=200_000)).voucher.balance_minor == 200_000


@pytest.mark.parametrize(
    ("said", "rest", "refusal"),
    [
        ({"codes": "shared"}, {}, WrongKindOfCodes),
        ({"state": None}, {}, WrongState),
        ({"state": "paused"}, {}, WrongState),
        ({"state": "ended"}, {}, WrongState),
        ({}, {"value_minor": 5}, ValueNeeded),
        ({"terms": {"benefit": {"type": "stored_value"}}}, {}, ValueNeeded),
    ],
)
async def test_what_cannot_be_assigned_is_refused_and_leaves_nothing(
    world: LoyaltyWorld, said: dict[str, object], rest: dict[str, int], refusal: type[AppError]
):
    campaign_id = await campaign(world.service, **said)

    with pytest.raises(refusal):
        await assign(world, campaign_id, LAN, **rest)
    with pytest.raises(CampaignUnknown):
        await assign(world, UUID(int=1), LAN)

    assert await world.value("SELECT count(*) FROM codes") + await world.value("SELECT count(*) FROM assignments") == 0
    assert await world.announced(VoucherIssued) == []


async def test_a_code_is_told_to_staff_again_until_its_pepper_is_gone(world: LoyaltyWorld):
    done = await assign(world, await campaign(world.service), LAN)

    assert await world.service.codes.reveal(done.voucher.id) == done.code
    async with world.db.write() as tx:
        await tx.execute("UPDATE codes SET sealed = NULL")
    with pytest.raises(CodesGone):
        await world.service.codes.reveal(done.voucher.id)


async def test_over_http(running: Running):
    terms = {"benefit": {"type": "percentage", "percent": 10}}
    made = await running.crm.post(
        "/v1/loyalty/campaigns", json={"name": "Sinh nhật", "currency": "VND", "terms": terms}
    )
    url = f"/v1/loyalty/campaigns/{made.json()['id']}"
    await running.crm.post(f"{url}/state", json={"state": "active"})

    said = await running.crm.post(f"{url}/assignments", json={"customer": "user_id:lan", "key": "birthday-2026"})
    again = await running.crm.post(f"{url}/assignments", json={"customer": "user_id:lan", "key": "birthday-2026"})
    other = await running.crm.post(f"{url}/assignments", json={"customer": "user_id:minh", "key": "birthday-2026"})
    nobody = await running.crm.post(f"{url}/assignments", json={"customer": "lan"})
    listed = (await running.crm.get("/v1/loyalty/customers/user_id:lan/vouchers")).json()["items"]
    voucher = said.json()["voucher"]
    told = await running.crm.get(f"/v1/loyalty/vouchers/{voucher['id']}/code")

    assert (said.status_code, again.status_code) == (201, 200)
    assert said.json() == again.json()
    assert said.headers["Cache-Control"] == told.headers["Cache-Control"] == "no-store"
    assert (other.status_code, other.json()["code"]) == (409, "loyalty.assignment_key_taken")
    assert (nobody.status_code, nobody.json()["code"]) == (422, "loyalty.bad_customer")
    assert listed == [voucher]
    assert told.json() == {"code": said.json()["code"]}
