"""Campaigns over HTTP: made, steered, changed while they run, and refused when they make no sense."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from loyalty_world import LoyaltyWorld

from services.loyalty.vouchers.errors import LimitBelowUsed
from services.loyalty.vouchers.schemas.campaigns import CampaignChangeIn, CampaignIn
from shared.testing.platform import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBERS = count(1)
Make = Callable[..., Awaitable[dict[str, Any]]]


def body(**rest: Any) -> dict[str, Any]:
    return {
        "name": f"Chiến dịch {next(NUMBERS)}",
        "currency": "VND",
        "terms": {"benefit": {"type": "percentage", "percent": 12.5}},
        **rest,
    }


def terms(benefit: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {"benefit": benefit, **rest}


@pytest.fixture
def make(module_running: Running) -> Make:
    async def made(**rest: Any) -> dict[str, Any]:
        answer = await module_running.crm.post("/v1/loyalty/campaigns", json=body(**rest))
        assert answer.status_code == 201, answer.text
        said: dict[str, Any] = answer.json()
        return said

    return made


def change(said: dict[str, Any], **rest: Any) -> dict[str, Any]:
    """The body that changes a campaign."""
    kept = (
        "version",
        "name",
        "description",
        "zone",
        "starts_on",
        "ends_on",
        "max_uses",
        "budget_minor",
        "terms",
        "coding",
    )
    return {**{name: said[name] for name in kept}, **rest}


async def test_a_campaign_is_read_as_it_was_made(module_running: Running, make: Make):
    rule = {"and": [{"tier": "gold"}, {"amount": {"gte": 500_000}, "currency": "VND"}]}
    made = await make(
        description="Tết Bính Ngọ", starts_on="2026-02-10", ends_on="2026-02-17", max_uses=500, budget_minor=10_000_000,
        terms=terms({"type": "percentage", "percent": 12.5, "cap_minor": 50_000}, rule=rule, max_uses_per_customer=2),
        coding={"prefix": "TET26"},
    )  # fmt: skip

    read = (await module_running.crm.get(f"/v1/loyalty/campaigns/{made['id']}")).json()

    assert read == made
    assert read["state"] == "draft"
    assert (read["starts_at"], read["ends_at"]) == ("2026-02-09T17:00:00Z", "2026-02-17T17:00:00Z")
    assert (read["redeemed"], read["reserved"], read["spent_minor"], read["reserved_minor"]) == (0, 0, 0, 0)
    assert read["terms"]["rule"] == rule
    assert read["terms"]["benefit"]["percent"] == 12.5
    assert read["terms"]["max_uses_per_code"] == 1
    assert read["coding"] == {
        "prefix": "TET26",
        "length": 12,
        "days": None,
        "once_per_customer": False,
        "pattern": None,
        "charset": None,
        "has_check": True,
        "jurisdiction": None,
        "pool": None,
    }


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"terms": terms({"type": "percentage", "percent": 0})}, 422, "invalid"),
        ({"terms": terms({"type": "percentage", "percent": 101})}, 422, "invalid"),
        ({"terms": terms({"type": "percentage", "percent": 12.345})}, 422, "invalid"),
        ({"terms": terms({"type": "percentage", "percent": "10"})}, 422, "invalid"),
        ({"terms": terms({"type": "fixed", "amount_minor": -1})}, 422, "invalid"),
        ({"terms": terms({"type": "fixed", "amount_minor": 10.5})}, 422, "invalid"),
        ({"terms": terms({"type": "fixed", "amount_minor": 10**18})}, 422, "invalid"),
        ({"terms": terms({"type": "magic"})}, 422, "invalid"),
        ({"terms": terms({"type": "fixed", "amount_minor": 1}, colour="red")}, 422, "invalid"),
        ({"currency": "XXX"}, 422, "invalid"),
        ({"zone": "Mars/Olympus"}, 422, "invalid"),
        ({"name": "  "}, 422, "invalid"),
        ({"max_uses": 0}, 422, "invalid"),
        ({"budget_minor": -5}, 422, "invalid"),
        ({"coding": {"prefix": "SALE-"}}, 422, "invalid"),
        ({"coding": {"prefix": "SH1T"}}, 422, "invalid"),
        ({"coding": {"length": 5}}, 422, "invalid"),
        ({"starts_on": "2026-03-02", "ends_on": "2026-03-01"}, 422, "loyalty.bad_terms"),
        ({"terms": terms({"type": "fixed", "amount_minor": 100}), "budget_minor": 99}, 422, "loyalty.bad_terms"),
        ({"codes": "shared", "terms": terms({"type": "stored_value"})}, 422, "loyalty.bad_terms"),
        ({"terms": terms({"type": "stored_value"}), "coding": {"length": 12}}, 422, "loyalty.bad_terms"),
        ({"codes": "shared", "coding": {"days": 3}}, 422, "loyalty.bad_terms"),
        ({"max_uses": 1, "terms": terms({"type": "shipping"}, max_uses_per_customer=2)}, 422, "loyalty.bad_terms"),
        ({"terms": terms({"type": "shipping"}, rule={"orders": {"gt": 3, "lt": 4}})}, 422, "loyalty.bad_rule"),
        ({"terms": terms({"type": "shipping"}, rule={"amount": {"gte": 1}, "currency": "USD"})}, 422,
         "loyalty.bad_rule"),
    ],
)  # fmt: skip
async def test_what_makes_no_sense_is_refused(module_running: Running, said: dict[str, Any], status: int, code: str):
    before = (await module_running.crm.get("/v1/loyalty/campaigns?limit=500")).json()["items"]

    answer = await module_running.crm.post("/v1/loyalty/campaigns", json=body(**said))

    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert (await module_running.crm.get("/v1/loyalty/campaigns?limit=500")).json()["items"] == before


async def test_a_wrong_rule_is_named_by_its_place(module_running: Running):
    said = body(terms=terms({"type": "shipping"}, rule={"and": [{"tier": "gold"}, {"units": {"gte": -1}}]}))

    answer = (await module_running.crm.post("/v1/loyalty/campaigns", json=said)).json()

    assert [(each["pointer"], each["code"]) for each in answer["problems"]] == [
        ("/terms/rule/and/1/units/gte", "not_a_whole_number")
    ]


@pytest.mark.parametrize(
    ("way", "refused"),
    [
        (["active", "paused", "active", "ended"], None),
        (["ended", "active"], ("ended", "active")),
        (["paused"], ("draft", "paused")),
        (["active", "active", "paused", "paused"], None),
        (["active", "ended", "paused"], ("ended", "paused")),
    ],
)
async def test_from_state_to_state(
    module_running: Running, make: Make, way: list[str], refused: tuple[str, str] | None
):
    made = await make()
    for number, state in enumerate(way):
        answer = await module_running.crm.post(f"/v1/loyalty/campaigns/{made['id']}/state", json={"state": state})
        if refused is not None and number == len(way) - 1:
            assert (answer.status_code, answer.json()["code"]) == (409, "loyalty.wrong_state")
            assert (answer.json()["state"], answer.json()["wanted"]) == refused
        else:
            assert (answer.status_code, answer.json()["state"]) == (200, state)


async def test_what_is_over_is_not_activated(module_running: Running, make: Make):
    made = await make(ends_on="2020-01-01")

    answer = await module_running.crm.post(f"/v1/loyalty/campaigns/{made['id']}/state", json={"state": "active"})

    assert (answer.status_code, answer.json()["state"]) == (409, "over")


async def test_each_change_is_a_version_and_the_one_before_is_kept(module_running: Running, make: Make):
    made = await make(max_uses=10)
    url = f"/v1/loyalty/campaigns/{made['id']}"
    await module_running.crm.post(f"{url}/state", json={"state": "active"})

    changed = await module_running.crm.put(url, json=change(made, max_uses=20, description="doubled"))
    stale = await module_running.crm.put(url, json=change(made, max_uses=30))

    assert (changed.status_code, changed.json()["version"], changed.json()["state"]) == (200, 2, "active")
    assert (stale.status_code, stale.json()["code"], stale.json()["version"]) == (409, "loyalty.campaign_moved", 2)
    first = (await module_running.crm.get(f"{url}/versions?limit=1")).json()
    second = (await module_running.crm.get(f"{url}/versions?cursor={first['next_cursor']}")).json()
    assert [(each["version"], each["max_uses"]) for each in first["items"] + second["items"]] == [(2, 20), (1, 10)]


async def test_a_gift_card_campaign_stays_one(module_running: Running, make: Make):
    cards = await make(terms=terms({"type": "stored_value"}))
    others = await make()

    for said, benefit in ((cards, {"type": "shipping"}), (others, {"type": "stored_value"})):
        answer = await module_running.crm.put(
            f"/v1/loyalty/campaigns/{said['id']}", json=change(said, terms=terms(benefit), coding={})
        )
        assert (answer.status_code, answer.json()["problems"][0]["code"]) == (422, "kind_is_fixed")


async def test_two_campaigns_have_two_names(module_running: Running, make: Make):
    made = await make()

    answer = await module_running.crm.post("/v1/loyalty/campaigns", json=body(name=f" {made['name']} "))

    assert (answer.status_code, answer.json()["code"]) == (409, "loyalty.campaign_name_taken")
    assert answer.json()["campaign"] == made["id"]


async def test_the_same_request_makes_one_campaign(module_running: Running):
    said, key = body(), {"Idempotency-Key": "campaign-1"}

    first = await module_running.crm.post("/v1/loyalty/campaigns", json=said, headers=key)
    again = await module_running.crm.post("/v1/loyalty/campaigns", json=said, headers=key)
    other = await module_running.crm.post("/v1/loyalty/campaigns", json=body(), headers=key)

    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_lists_come_in_pages_and_by_state(module_running: Running, make: Make):
    made = [(await make())["id"] for _ in range(3)]
    await module_running.crm.post(f"/v1/loyalty/campaigns/{made[1]}/state", json={"state": "active"})

    seen: list[str] = []
    cursor = ""
    while cursor is not None and len(seen) < 3:
        page = (await module_running.crm.get(f"/v1/loyalty/campaigns?limit=1{cursor and f'&cursor={cursor}'}")).json()
        seen += [each["id"] for each in page["items"]]
        cursor = page["next_cursor"]
    active = (await module_running.crm.get("/v1/loyalty/campaigns?state=active&limit=1")).json()["items"]

    assert seen == made[::-1]
    assert active[0]["id"] == made[1]


async def test_a_limit_is_never_below_what_is_used_or_held(module_world: LoyaltyWorld):
    world, campaigns = module_world, module_world.service.campaigns
    said = CampaignIn.model_validate(
        body(max_uses=10, budget_minor=1_000, terms=terms({"type": "fixed", "amount_minor": 5}))
    )
    await campaigns.create(said, by="test", idem=None)
    (made,) = await campaigns.listed(before=None, state=None, limit=5)
    async with world.db.write() as tx:
        await tx.execute("UPDATE campaigns SET redeemed = 3, reserved = 2, spent_minor = 300, reserved_minor = 100")

    def changed(**rest: Any) -> CampaignChangeIn:
        return CampaignChangeIn.model_validate(change(made.model_dump(), **rest))

    for limits, limit, used in (({"max_uses": 4}, "max_uses", 5), ({"budget_minor": 399}, "budget_minor", 400)):
        with pytest.raises(LimitBelowUsed) as refused:
            await campaigns.change(made.id, changed(**limits), by="test", idem=None)
        assert (refused.value.data["limit"], refused.value.data["used"]) == (limit, used)
    await campaigns.change(made.id, changed(max_uses=5, budget_minor=400), by="test", idem=None)

    now = await campaigns.get(made.id)
    assert (now.max_uses, now.redeemed, now.reserved, now.spent_minor, now.reserved_minor) == (5, 3, 2, 300, 100)


ZONES = ("Asia/Ho_Chi_Minh", "UTC", "Pacific/Kiritimati", "Pacific/Niue", "America/Sao_Paulo", "Africa/Cairo",
         "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Europe/London")  # fmt: skip
# A leap day, the days clocks change in the north and in the south, the turn of a year.
LAST_DAYS = (
    "2028-02-29",
    "2026-03-08",
    "2026-03-29",
    "2026-04-05",
    "2026-04-24",
    "2026-10-25",
    "2026-11-01",
    "2026-12-31",
)


@pytest.mark.parametrize("zone", ZONES)
async def test_a_campaign_is_good_to_the_end_of_its_last_local_day(module_running: Running, make: Make, zone: str):
    for day in LAST_DAYS:
        made = await make(zone=zone, starts_on=day, ends_on=day)

        end, start = (datetime.fromisoformat(made[name]) for name in ("ends_at", "starts_at"))
        moment = timedelta(microseconds=1)
        last, first = (end - moment).astimezone(ZoneInfo(zone)), start.astimezone(ZoneInfo(zone))
        assert last.date().isoformat() == first.date().isoformat() == day
        assert end.astimezone(ZoneInfo(zone)).date().isoformat() > day
        assert (start - moment).astimezone(ZoneInfo(zone)).date().isoformat() < day


async def test_who_may_only_read_changes_nothing(module_running: Running, make: Make):
    made = await make()
    _, reader = await module_running.platform.keyring.create("secret", "reader", scopes=("loyalty:read",))
    headers = {"Authorization": f"Bearer {reader}"}
    url = f"/v1/loyalty/campaigns/{made['id']}"

    assert (await module_running.crm.get(url, headers=headers)).status_code == 200
    for path, said in (
        (url + "/state", {"state": "active"}),
        (url + "/code-jobs", {"count": 1}),
        (url + "/assignments", {"customer": "user_id:a"}),
    ):
        assert (await module_running.crm.post(path, json=said, headers=headers)).status_code == 403
    assert (await module_running.shop.get(url)).status_code == 403
