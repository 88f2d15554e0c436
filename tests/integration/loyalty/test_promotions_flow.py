"""Promotions, stacking rules, schedules and budgets at a shop's till: what is given, held, taken and given back."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from checkout_world import Till, ask, basket, open_till
from sqlalchemy import event

from shared.ids import user_key
from shared.rights.contract import Subject

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEN = {"type": "percentage", "percent": 10}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def till(pg_url: str) -> AsyncIterator[Till]:
    async with open_till(pg_url) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def quiet(till: Till) -> AsyncIterator[None]:
    """After every test every invariant holds, no promotion is left, and the firm has no stacking rules."""
    yield
    assert await till.violations() == {}
    for campaign in (await till.get("/campaigns", state="active"))["items"]:
        if campaign["codes"] == "automatic":
            await till.post(f"/campaigns/{campaign['id']}/state", {"state": "ended"}, 200)
    async with till.db.write() as tx:
        await tx.execute("DELETE FROM stacking_rules")
    till.loyalty.board.forget()


@pytest.fixture
def who() -> str:
    return f"khách-{uuid4()}"


_numbers = iter(range(1, 10_000))


async def promotion(till: Till, benefit: dict[str, Any] | None = None, **more: Any) -> UUID:
    """An active promotion of dong."""
    limits = more.pop("limits", {})
    body = {
        "name": f"Tự động {next(_numbers)}",
        "codes": "automatic",
        "currency": "VND",
        "terms": {"benefit": benefit or TEN, **more},
        **limits,
    }
    made = await till.post("/campaigns", body, 201)
    await till.post(f"/campaigns/{made['id']}/state", {"state": "active"}, 200)
    return UUID(made["id"])


async def stack(till: Till, **rules: Any) -> None:
    version = (await till.get("/stacking"))["version"]
    answer = await till.http.put("/v1/loyalty/stacking", json={"version": version, **rules})
    assert answer.status_code == 200, answer.text


async def test_a_promotion_counts_without_a_code_through_reserve_commit_and_roll_back(till: Till, who: str):
    campaign = await promotion(till)
    looked = await till.post("/validations", {"customer": f"user_id:{who}", "basket": basket()}, 200)
    assert (looked["applies"], looked["vouchers"], looked["discount_minor"]) == (True, [], 100_000)
    assert [(each["campaign_id"], each["position"], each["applies"]) for each in looked["promotions"]] == [
        (str(campaign), 1, True)
    ]

    held = await till.post("/reservations", ask(who, order_id=f"o-{who}"), 201)
    assert [(each["is_promotion"], each["discount_minor"]) for each in held["vouchers"]] == [(True, 100_000)]
    assert await till.counters(campaign) == (0, 1, 0, 100_000)
    done = await till.post(f"/reservations/{held['id']}/commit", {}, 201)
    assert (done["payable_minor"], await till.counters(campaign)) == (900_000, (1, 0, 100_000, 0))

    await till.post(f"/redemptions/{done['id']}/rollbacks", {"reason": "hoàn tiền"}, 201)
    assert await till.counters(campaign) == (0, 0, 0, 0)
    again = await till.post(f"/redemptions/{done['id']}/rollbacks", {"reason": "lần nữa"}, 409)
    assert again["code"] == "loyalty.nothing_left"


async def test_a_promotion_stands_beside_a_code_and_once_for_an_order(till: Till, who: str):
    campaign = await promotion(till, priority=5)
    _, first = await till.offer()
    _, second = await till.offer()

    one = await till.post("/redemptions", ask(who, first, order_id=f"o-{who}"), 201)
    other = await till.post("/redemptions", ask(who, second, order_id=f"o-{who}"), 201)

    assert [(each["position"], each["is_promotion"]) for each in one["vouchers"]] == [(1, False), (2, True)]
    assert [each["is_promotion"] for each in other["vouchers"]] == [False]
    assert await till.counters(campaign) == (1, 0, 100_000, 0)


async def test_nothing_is_taken_where_no_promotion_applies_and_the_explanation_says_why(till: Till, who: str):
    rule = {"and": [{"amount": {"gte": 5_000_000}, "currency": "VND"}, {"channel": "app"}]}
    await promotion(till, rule=rule)
    refused = await till.post("/redemptions", ask(who), 422)
    assert refused["code"] == "loyalty.nothing_asked"

    asked = {"customer": f"user_id:{who}", "basket": basket(channel="web"), "explain": True}
    (said,) = (await till.post("/validations", asked, 200))["promotions"]
    assert (said["applies"], said["reason"], said["position"]) == (False, "conditions_not_met", None)
    parts = said["data"]["explanation"]["parts"]
    assert [(each["pointer"], each["holds"], each["found"]) for each in parts] == [
        ("/and/0", False, {"minor": 1_000_000, "currency": "VND"}),
        ("/and/1", False, "web"),
    ]
    assert (await till.post("/validations", {**asked, "explain": False}, 200))["promotions"] == []


async def test_limits_and_budgets_of_a_promotion_run_out_without_refusing_anybody(till: Till, who: str):
    campaign = await promotion(till, limits={"max_uses": 1})
    _, code = await till.offer()
    await till.post("/redemptions", ask(f"{who}-1", code), 201)

    second = await till.post("/redemptions", ask(f"{who}-2", code), 201)

    assert [each["is_promotion"] for each in second["vouchers"]] == [False]
    assert await till.counters(campaign) == (1, 0, 100_000, 0)


async def test_a_promotion_that_is_paused_gives_nothing_from_then_on(till: Till, who: str):
    campaign = await promotion(till)
    looked = {"customer": f"user_id:{who}", "basket": basket()}
    assert (await till.post("/validations", looked, 200))["discount_minor"] == 100_000
    await till.post(f"/campaigns/{campaign}/state", {"state": "paused"}, 200)
    assert (await till.post("/validations", looked, 200))["discount_minor"] == 0


async def test_a_shop_without_promotions_pays_no_statement_for_them(till: Till, who: str):
    _, code = await till.offer()
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    board, clock = till.loyalty.board, till.loyalty.board.seconds
    board.seconds = lambda: 0.0
    try:
        await till.post("/validations", ask(who, code), 200)
        event.listen(till.db.engine.sync_engine, "before_cursor_execute", note)
        for path, status in (("/validations", 200), ("/redemptions", 201), ("/reservations", 201)):
            await till.post(path, ask(f"{who}{path}", code), status)
    finally:
        board.seconds = clock
        event.remove(till.db.engine.sync_engine, "before_cursor_execute", note)

    assert len(said) > 3
    assert [each for each in said if "stacking_rules" in each or "budget_counters" in each] == []


async def test_a_browser_learns_what_promotions_give(till: Till):
    await promotion(till)
    said = await till.http.post("/v1/loyalty/validations/anonymous", json={"basket": basket()})
    assert said.status_code == 200, said.text
    assert [each["discount_minor"] for each in said.json()["promotions"]] == [100_000]
    assert said.json()["payable_minor"] == 900_000


async def test_a_part_of_a_promotion_is_committed_and_an_expired_one_is_taken_anew(till: Till, who: str):
    budget = {"name": "ngay", "per": "day", "max_minor": 150_000}
    campaign = await promotion(till, budgets=[budget])
    held = await till.post("/reservations", ask(who, order_id=f"o-{who}"), 201)
    part = {"vouchers": [{"position": 1, "discount_minor": 40_000}]}
    await till.post(f"/reservations/{held['id']}/commit", part, 201)
    assert await till.counters(campaign) == (1, 0, 40_000, 0)
    assert await budget_of(till, campaign) == [("ngay", 1, 0, 40_000, 0)]

    late = await till.post("/reservations", ask(f"{who}-2", order_id=f"o2-{who}"), 201)
    await till.lapse(late["id"])
    # What nobody has ended yet stands in nobody's way.
    looked = await till.post("/validations", {"customer": f"user_id:{who}-3", "basket": basket()}, 200)
    assert looked["discount_minor"] in (0, 100_000)
    done = await till.post(f"/reservations/{late['id']}/commit", {"reacquire": True}, 201)
    assert done["discount_minor"] == 100_000
    assert await budget_of(till, campaign) == [("ngay", 2, 0, 140_000, 0)]


async def budget_of(till: Till, campaign: UUID) -> list[tuple[str, int, int, int, int]]:
    """The counters of its budgets, as the API tells them."""
    found = (await till.get(f"/campaigns/{campaign}/budgets"))["items"]
    names = ("budget", "redeemed", "reserved", "spent_minor", "reserved_minor")
    return [tuple(each[name] for name in names) for each in found]  # type: ignore[misc]


# --- stacking ---


async def test_the_firm_chooses_the_best_combination(till: Till, who: str):
    await promotion(till, {"type": "fixed", "amount_minor": 50_000}, group="tết", priority=9)
    best = await promotion(till, {"type": "fixed", "amount_minor": 300_000}, group="tết")
    await promotion(till, TEN)
    looked = {"customer": f"user_id:{who}", "basket": basket()}
    ranked = await till.post("/validations", looked, 200)
    assert (ranked["discount_minor"], ranked["choice"]) == (145_000 + 0, None)

    await stack(till, choice="best")

    said = await till.post("/validations", looked, 200)
    assert said["discount_minor"] == 400_000
    assert said["choice"]["is_proved"] is True
    assert said["choice"]["at_most_minor"] == 400_000
    assert str(best) in {each["campaign_id"] for each in said["promotions"]}
    done = await till.post("/redemptions", ask(who), 201)
    assert done["discount_minor"] == 400_000


async def test_a_product_takes_one_discount_where_the_firm_says_so(till: Till, who: str):
    _, food = await till.offer({"type": "percentage", "percent": 50, "applies_to": {"categories": ["food"]}})
    _, rest = await till.offer({"type": "fixed", "amount_minor": 100_000}, priority=-1)
    await stack(till, per_product="single")

    done = await till.post("/redemptions", ask(who, food, rest), 201)

    assert [[share["line"] for share in each["lines"]] for each in done["vouchers"]] == [["2"], ["1"]]
    assert done["discount_minor"] == 300_000


async def test_those_codes_are_taken_that_can_be_where_the_shop_asks_so(till: Till, who: str):
    _, good = await till.offer()
    _, gone = await till.offer(limits={"max_uses": 1})
    await till.post("/redemptions", ask(f"{who}-2", gone), 201)

    held = await till.post("/reservations", ask(who, good, gone, mode="partial"), 201)
    assert [(each["position"], each["reason"]) for each in held["skipped"]] == [(2, "campaign_used_up")]
    done = await till.post("/redemptions", ask(who, gone, good, mode="partial"), 201)
    assert [each["position"] for each in done["vouchers"]] == [2]
    none = await till.post("/redemptions", ask(who, gone, mode="partial"), 409)
    assert none["code"] == "loyalty.not_applicable"


@pytest.mark.parametrize(
    ("rules", "pointer"),
    [
        ({"max_vouchers": 0, "max_promotions": 0}, "/max_promotions"),
        ({"choice": "best", "max_vouchers": 1, "max_promotions": 0}, "/choice"),
    ],
)
async def test_stacking_rules_that_contradict_each_other_are_refused(till: Till, rules: dict[str, Any], pointer: str):
    answer = await till.http.put("/v1/loyalty/stacking", json={"version": 0, **rules})
    assert answer.status_code == 422
    assert answer.json()["code"] == "loyalty.bad_stacking"
    assert [each["pointer"] for each in answer.json()["problems"]] == [pointer]


async def test_stacking_rules_are_changed_by_who_has_read_them(till: Till):
    await stack(till, choice="best")
    answer = await till.http.put("/v1/loyalty/stacking", json={"version": 0, "choice": "hierarchy"})
    assert (answer.status_code, answer.json()["code"], answer.json()["version"]) == (409, "loyalty.stacking_moved", 1)


# --- what contradicts itself ---

FIXED = {"type": "fixed", "amount_minor": 100_000}


@pytest.mark.parametrize(
    ("codes", "terms", "campaign", "said"),
    [
        ("automatic", {"benefit": {"type": "stored_value"}}, {}, ("/terms/benefit/type", "contradiction")),
        ("automatic", {"max_per_order": 2}, {}, ("/terms/max_per_order", "contradiction")),
        ("automatic", {"max_uses_per_code": 2}, {}, ("/terms/max_uses_per_code", "contradiction")),
        ("automatic", {}, {"coding": {"prefix": "TET"}}, ("/coding", "contradiction")),
        ("shared", {"is_exclusive": True, "max_per_order": 2}, {}, ("/terms/is_exclusive", "contradiction")),
        ("shared", {"group": "tết", "max_per_order": 2}, {}, ("/terms/group", "contradiction")),
        (
            "shared",
            {"budgets": [{"name": "d", "max_minor": 200_000, "currency": "USD"}]},
            {},
            ("/terms/budgets/0/currency", "currency_mismatch"),
        ),
        ("shared", {"budgets": [{"name": "d"}]}, {}, ("/terms/budgets/0", "no_limit")),
        ("shared", {"budgets": [{"name": "d", "max_minor": 1}]}, {}, ("/terms/budgets/0/max_minor", "contradiction")),
        (
            "shared",
            {"budgets": [{"name": "d", "max_uses": 1, "by": "identifier"}]},
            {},
            ("/terms/budgets/0/identifier", "contradiction"),
        ),
        (
            "shared",
            {"budgets": [{"name": "d", "max_uses": 9}]},
            {"max_uses": 3},
            ("/terms/budgets/0/max_uses", "contradiction"),
        ),
        (
            "shared",
            {"schedule": [{"days": ["sun"]}]},
            {"starts_on": "2026-11-23", "ends_on": "2026-11-28"},
            ("/terms/schedule", "never_opens"),
        ),
    ],
)
async def test_a_campaign_that_contradicts_itself_is_refused(
    till: Till, codes: str, terms: dict[str, Any], campaign: dict[str, Any], said: tuple[str, str]
):
    body = {"name": f"Sai {uuid4()}", "codes": codes, "currency": "VND", "terms": {"benefit": FIXED, **terms}}
    refused = await till.post("/campaigns", {**body, **campaign}, 422)
    assert refused["code"] == "loyalty.bad_terms"
    assert said in [(each["pointer"], each["code"]) for each in refused["problems"]]


@pytest.mark.parametrize(
    "window", [{}, {"hours": {"from": "18:00", "to": "18:00"}}, {"days": []}, {"hours": {"from": "25:00", "to": "1"}}]
)
async def test_a_window_that_says_nothing_is_refused(till: Till, window: dict[str, Any]):
    terms = {"benefit": FIXED, "schedule": [window]}
    body = {"name": f"Sai {uuid4()}", "codes": "shared", "currency": "VND", "terms": terms}
    assert (await till.http.post("/v1/loyalty/campaigns", json=body)).status_code == 422


async def test_a_schedule_opens_and_closes_every_kind_of_campaign(till: Till, who: str):
    night = {"schedule": [{"days": ["fri"], "hours": {"from": "22:00", "to": "02:00"}}], "rule": None}
    await promotion(till, **night)
    _, shared = await till.offer(**night)
    card = await till.campaign({"type": "stored_value"}, shared=False, **night)
    gift = await till.secret_code(card, value=50_000)
    asked = {"customer": f"user_id:{who}", "basket": basket(), "vouchers": [shared, gift], "explain": True}

    at = {"open": "2026-11-28T01:59:00+07:00", "over": "2026-11-28T02:00:00+07:00"}
    night_time = await till.post("/validations", {**asked, "as_of": at["open"]}, 200)
    assert (night_time["discount_minor"], night_time["paid_minor"]) == (200_000, 50_000)
    day_time = await till.post("/validations", {**asked, "as_of": at["over"]}, 200)
    assert (day_time["discount_minor"], day_time["paid_minor"]) == (0, 0)
    reasons = {(each["reason"], each["data"]["opens_at"]) for each in day_time["vouchers"] + day_time["promotions"]}
    assert reasons == {("outside_schedule", "2026-12-04T15:00:00+00:00")}


# --- budgets ---


async def test_a_daily_budget_gives_what_is_left_and_says_so(till: Till, who: str):
    budget = {"name": "ngay", "per": "day", "max_minor": 150_000}
    campaign, code = await till.offer(budgets=[budget], grants_partly=True)
    await till.post("/redemptions", ask(f"{who}-1", code), 201)

    looked = await till.post("/validations", ask(f"{who}-2", code), 200)
    (said,) = looked["vouchers"]
    assert (said["discount_minor"], said["short_minor"], said["short_of"]) == (50_000, 50_000, "ngay")
    held = await till.post("/reservations", ask(f"{who}-2", code), 201)
    assert [(each["discount_minor"], each["short_minor"]) for each in held["vouchers"]] == [(50_000, 50_000)]
    none = await till.post("/redemptions", ask(f"{who}-3", code), 409)
    (refused,) = none["vouchers"]
    assert (refused["reason"], refused["data"]["budget"]) == ("budget_exhausted", "ngay")
    assert await budget_of(till, campaign) == [("ngay", 1, 1, 100_000, 50_000)]

    await till.post(f"/reservations/{held['id']}/void", {}, 200)
    assert await budget_of(till, campaign) == [("ngay", 1, 0, 100_000, 0)]


async def test_a_budget_that_is_not_enough_refuses_where_it_grants_nothing_partly(till: Till, who: str):
    _, code = await till.offer(budgets=[{"name": "tuan", "per": "week", "max_minor": 150_000}])
    await till.post("/redemptions", ask(f"{who}-1", code), 201)
    none = await till.post("/redemptions", ask(f"{who}-2", code), 409)
    assert none["vouchers"][0]["reason"] == "budget_exhausted"


async def test_a_soft_budget_counts_and_refuses_nobody(till: Till, who: str):
    plans = [
        {"name": "ke_hoach", "per": "month", "max_uses": 1, "max_minor": 50_000, "is_soft": True},
        {"name": "cua_hang", "by": "store", "max_uses": 1, "is_soft": True},
        {"name": "tran", "max_uses": 3},
    ]
    campaign, code = await till.offer(budgets=plans)

    async def seen() -> dict[str, tuple[int, bool, bool]]:
        page = await till.running.crm.get(f"/v1/loyalty/campaigns/{campaign}/budgets")
        return {
            each["budget"]: (each["redeemed"], each["is_soft"], each["is_overdrawn"]) for each in page.json()["items"]
        }

    await till.post("/redemptions", ask(f"{who}-0", code), 201)
    assert await seen() == {"ke_hoach": (1, True, True), "tran": (1, False, False)}
    for number in (1, 2):
        said = {**basket(store_id="hn-1"), "order_id": f"{who}-{number}"}
        await till.post(
            "/redemptions", {"customer": f"user_id:{who}-{number}", "basket": said, "vouchers": [code]}, 201
        )
    none = await till.post("/redemptions", ask(f"{who}-3", code), 409)

    assert (none["vouchers"][0]["reason"], none["vouchers"][0]["data"]["budget"]) == ("budget_exhausted", "tran")
    assert await seen() == {"ke_hoach": (3, True, True), "cua_hang": (2, True, True), "tran": (3, False, False)}
    assert await till.violations() == {}


async def test_budgets_per_customer_store_and_identifier(till: Till, who: str):
    budgets = [
        {"name": "khach", "by": "customer", "max_uses": 2},
        {"name": "cua_hang", "by": "store", "per": "month", "max_uses": 2},
        {"name": "may", "by": "identifier", "identifier": "device_id", "max_minor": 200_000},
    ]
    campaign, code = await till.offer(budgets=budgets)

    def bought(customer: str, store: str | None, device: str | None) -> dict[str, Any]:
        said = basket(store_id=store, metadata={} if device is None else {"device_id": device})
        return {"customer": f"user_id:{customer}", "basket": said, "vouchers": [code]}

    async def refusal(*whom: str | None) -> str:
        answer = await till.post("/redemptions", bought(*whom), 409)  # type: ignore[arg-type]
        reason: str = answer["vouchers"][0]["reason"]
        return f"{reason} {answer['vouchers'][0]['data'].get('budget', '')}".strip()

    await till.post("/redemptions", bought(who, "HCM", "máy-1"), 201)
    await till.post("/redemptions", bought(who, "HN", "máy-1"), 201)
    assert await refusal(who, "DN", "máy-2") == "budget_exhausted khach"
    assert await refusal(f"{who}-2", "HCM", "máy-1") == "budget_exhausted may"
    await till.post("/redemptions", bought(f"{who}-2", "HCM", "máy-2"), 201)
    assert await refusal(f"{who}-3", "HCM", "máy-3") == "budget_exhausted cua_hang"
    assert await refusal(f"{who}-3", None, "máy-3") == "store_required"
    assert await refusal(f"{who}-3", "DN", None) == "identifier_required"
    stored = await till.value("SELECT string_agg(who, ' ') FROM budget_counters WHERE campaign_id = :id", id=campaign)
    assert "máy" not in stored


async def test_uses_of_two_who_are_one_count_together_and_come_apart_again(till: Till, who: str):
    one, other = f"{who}-a", f"{who}-b"
    campaign, code = await till.offer(budgets=[{"name": "khach", "by": "customer", "max_uses": 1}])
    done = await till.post("/redemptions", ask(one, code), 201)

    await till.merge(user_key(other), user_key(one))
    refused = await till.post("/redemptions", ask(other, code), 409)
    assert refused["vouchers"][0]["reason"] == "budget_exhausted"
    await till.unmerge(user_key(other), user_key(one))
    await till.post("/redemptions", ask(other, code), 201)

    await till.post(f"/redemptions/{done['id']}/rollbacks", {"reason": "trả hàng"}, 201)
    found = {(each["who"], each["redeemed"]) for each in (await till.get(f"/campaigns/{campaign}/budgets"))["items"]}
    assert found == {(str(user_key(one)), 0), (str(user_key(other)), 1)}


async def test_a_partial_grant_is_rolled_back_line_by_line_to_the_day_it_was_taken(till: Till, who: str):
    budgets = [{"name": "ngay", "per": "day", "max_minor": 130_000, "max_uses": 5}, {"name": "tong", "max_uses": 9}]
    campaign, code = await till.offer(budgets=budgets, grants_partly=True)
    await till.post("/redemptions", ask(f"{who}-1", code), 201)
    part = await till.post("/redemptions", ask(f"{who}-2", code), 201)
    assert part["vouchers"][0]["discount_minor"] == 30_000
    before = await till.rows("SELECT period FROM budget_counters WHERE campaign_id = :id ORDER BY 1", id=campaign)

    back = {"reason": "một phần", "parts": [{"voucher": 1, "line": "1", "amount_minor": 10_000}], "refund_id": "r1"}
    await till.post(f"/redemptions/{part['id']}/rollbacks", back, 201)
    await till.post(f"/redemptions/{part['id']}/rollbacks", back, 200)
    assert await budget_of(till, campaign) == [("ngay", 2, 0, 120_000, 0), ("tong", 2, 0, 120_000, 0)]
    await till.post(f"/redemptions/{part['id']}/rollbacks", {"reason": "hết"}, 201)

    assert await budget_of(till, campaign) == [("ngay", 1, 0, 100_000, 0), ("tong", 1, 0, 100_000, 0)]
    after = await till.rows("SELECT period FROM budget_counters WHERE campaign_id = :id ORDER BY 1", id=campaign)
    assert before == after


async def test_a_replacement_gives_back_what_the_first_reservation_held(till: Till, who: str):
    campaign = await promotion(till, budgets=[{"name": "mot", "max_uses": 1}])
    first = await till.post("/reservations", ask(who, order_id=f"o-{who}"), 201)
    second = await till.post("/reservations", ask(who, order_id=f"o-{who}", replace=True), 201)
    assert first["id"] != second["id"]
    assert await budget_of(till, campaign) == [("mot", 0, 1, 0, 100_000)]


async def test_what_a_customer_may_see_names_their_budgets(till: Till, who: str):
    campaign, code = await till.offer(budgets=[{"name": "khach", "by": "customer", "max_uses": 1}])
    await till.post("/redemptions", ask(who, code), 201)
    key = user_key(who)
    async with till.db.read() as tx:
        said = [each async for each in till.loyalty.rights.export(tx, Subject(key, (key,)))]
    assert [row["campaign_id"] for name, row in said if name == "budget_counters" for row in row] == [str(campaign)]


async def test_every_invariant_of_loyalty_holds_after_all_this(till: Till):
    async with till.db.read() as tx:
        for check in till.loyalty.invariants.checks:
            assert [row.what for row in await tx.execute(check.sql)] == [], check.name
