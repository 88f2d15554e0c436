"""Validate, reserve, commit, redeem: what a shop sees, and what the database says after it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from checkout_world import Till, ask, basket, open_till

from shared.events.catalogue.loyalty import VoucherRedeemed, VoucherReserved
from shared.events.envelope import Catalogue
from shared.ids import anonymous_key, user_key

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def till(pg_url: str) -> AsyncIterator[Till]:
    async with open_till(pg_url) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def sound(till: Till) -> AsyncIterator[None]:
    """After every test every invariant holds."""
    yield
    assert await till.violations() == {}


@pytest.fixture
def who() -> str:
    return f"khách-{uuid4()}"


async def test_a_code_is_validated_reserved_and_committed(till: Till, who: str):
    campaign, code = await till.offer()
    looked = await till.post("/validations", ask(who, code), 200)
    assert looked["applies"] is True
    assert (looked["total_minor"], looked["discount_minor"], looked["payable_minor"]) == (1_000_000, 100_000, 900_000)
    assert [line["discount_minor"] for line in looked["lines"]] == [60_000, 40_000]
    assert await till.counters(campaign) == (0, 0, 0, 0)

    held = await till.post("/reservations", ask(who, code, order_id=f"o-{who}"), 201)
    assert held["state"] == "held"
    assert await till.counters(campaign) == (0, 1, 0, 100_000)

    done = await till.post(f"/reservations/{held['id']}/commit", {}, 201)
    assert done["state"] == "redeemed"
    assert done["reservation_id"] == held["id"]
    assert await till.counters(campaign) == (1, 0, 100_000, 0)
    again = await till.post(f"/reservations/{held['id']}/commit", {}, 409)
    assert (again["code"], again["state"]) == ("loyalty.reservation_ended", "committed")
    assert again["redemption_id"] == done["id"]
    seen = await till.get(f"/reservations/{held['id']}")
    assert (seen["state"], seen["redemption_id"]) == ("committed", done["id"])


async def test_what_is_announced_names_no_code(till: Till, who: str):
    campaign, code = await till.offer()
    held = await till.post("/reservations", ask(who, code, order_id=f"o-{who}"), 201)
    await till.post(f"/reservations/{held['id']}/commit", {}, 201)

    rows = await till.rows('SELECT unnest("values") AS value FROM outbox')
    found = [Catalogue((VoucherReserved, VoucherRedeemed)).decode(row.value) for row in rows]
    mine = [event for event in found if event is not None and event.subject == user_key(who)]
    assert [type(event.data) for event in mine] == [VoucherReserved, VoucherRedeemed]
    assert mine[1].data.discount_minor == 100_000
    assert mine[1].data.campaign == str(campaign)
    assert all(code.encode() not in row.value for row in rows)


async def test_vouchers_and_points_are_taken_all_or_not_at_all(till: Till, who: str):
    campaign, code = await till.offer()
    used_up, gone = await till.offer(limits={"max_uses": 1})
    await till.give_points(who, 5_000)
    await till.post("/redemptions", ask(f"{who}-2", gone), 201)

    refused = await till.post("/reservations", ask(who, code, gone, points=1_000), 409)

    assert refused["code"] == "loyalty.not_applicable"
    assert [(each["position"], each["reason"]) for each in refused["vouchers"]] == [(1, None), (2, "campaign_used_up")]
    assert await till.counters(campaign) == (0, 0, 0, 0)
    assert await till.counters(used_up) == (1, 0, 100_000, 0)
    assert await till.points(who) == 5_000

    taken = await till.post("/redemptions", ask(who, code, points=1_000, order_id=f"o-{who}"), 201)
    assert (taken["discount_minor"], taken["points"], taken["points_minor"]) == (100_000, 1_000, 100_000)
    assert taken["payable_minor"] == 800_000
    assert await till.points(who) == 4_000


async def test_points_pay_by_the_formula_of_the_programme(till: Till, who: str):
    await till.give_points(who, 9_000)
    looked = await till.post("/validations", {"customer": f"user_id:{who}", "basket": basket(1_000_050)}, 200)
    # Half of the order, in whole points.
    assert (looked["points"]["max_points"], looked["points"]["max_minor"]) == (5_000, 500_000)

    few = await till.post("/redemptions", ask(who, points=9, order_id="x"), 409)
    assert (few["code"], few["reason"]) == ("loyalty.points_refused", "below_minimum")
    many = await till.post("/redemptions", ask(who, points=5_001), 409)
    assert (many["reason"], many["offer"]["max_points"]) == ("above_share", 5_000)
    more = await till.post("/redemptions", ask(who, points=9_001, total=10_000_000), 409)
    assert more["reason"] == "not_enough_points"
    foreign = basket(100, currency="USD")
    other = await till.post("/redemptions", {"customer": f"user_id:{who}", "basket": foreign, "points": 10}, 409)
    assert other["reason"] == "not_offered"
    assert await till.points(who) == 9_000


async def test_a_part_of_what_is_held_is_committed(till: Till, who: str):
    one, first = await till.offer()
    two, second = await till.offer({"type": "fixed", "amount_minor": 50_000})
    await till.give_points(who, 2_000)
    held = await till.post("/reservations", ask(who, first, second, points=2_000), 201)
    assert await till.points(who) == 0
    over = {"vouchers": [{"position": 1, "discount_minor": 100_001}]}
    assert (await till.post(f"/reservations/{held['id']}/commit", over, 422))["code"] == "loyalty.commit_exceeds"

    part = {"vouchers": [{"position": 1, "discount_minor": 33_333}], "points": 500, "order_id": f"o-{who}"}
    done = await till.post(f"/reservations/{held['id']}/commit", part, 201)

    assert [(each["position"], each["discount_minor"]) for each in done["vouchers"]] == [(1, 33_333)]
    assert sum(share["discount_minor"] for share in done["vouchers"][0]["lines"]) == 33_333
    assert (done["points"], done["points_minor"], done["order_id"]) == (500, 50_000, f"o-{who}")
    assert await till.counters(one) == (1, 0, 33_333, 0)
    assert await till.counters(two) == (0, 0, 0, 0)
    assert await till.points(who) == 1_500


async def test_a_void_gives_everything_back(till: Till, who: str):
    campaign, code = await till.offer(limits={"max_uses": 1, "budget_minor": 100_000})
    await till.give_points(who, 100)
    held = await till.post("/reservations", ask(who, code, points=100), 201)
    assert (await till.post("/reservations", ask(f"{who}-2", code), 409))["code"] == "loyalty.not_applicable"

    voided = await till.post(f"/reservations/{held['id']}/void", {}, 200)

    assert (voided["state"], await till.points(who)) == ("voided", 100)
    assert await till.counters(campaign) == (0, 0, 0, 0)
    assert (await till.post(f"/reservations/{held['id']}/void", {}, 409))["state"] == "voided"
    await till.post("/reservations", ask(f"{who}-2", code), 201)


async def test_a_gift_card_pays_and_keeps_its_rest(till: Till, who: str):
    campaign = await till.campaign({"type": "stored_value"}, shared=False)
    card = await till.secret_code(campaign, value=700_000)
    first = await till.post("/redemptions", ask(who, card, total=500_000), 201)
    assert (first["discount_minor"], first["payable_minor"]) == (500_000, 0)

    held = await till.post("/reservations", ask(who, card, total=500_000), 201)
    assert held["discount_minor"] == 200_000
    assert (await till.post("/redemptions", ask(who, card), 409))["vouchers"][0]["reason"] == "no_balance"
    await till.post(
        f"/reservations/{held['id']}/commit", {"vouchers": [{"position": 1, "discount_minor": 50_000}]}, 201
    )

    assert (await till.post("/validations", ask(who, card), 200))["paid_minor"] == 150_000


async def test_an_expired_hold_blocks_nobody_and_commits_no_more(till: Till, who: str):
    campaign, code = await till.offer(limits={"max_uses": 1})
    held = await till.post("/reservations", ask(who, code), 201)
    assert (await till.post("/validations", ask(f"{who}-2", code), 200))["applies"] is False
    await till.lapse(held["id"])
    assert (await till.get(f"/reservations/{held['id']}"))["state"] == "expired"
    # A look sees that it is free, and changes nothing; whoever takes it ends the hold on the way.
    assert (await till.post("/validations", ask(f"{who}-2", code), 200))["applies"] is True
    assert await till.counters(campaign) == (0, 1, 0, 100_000)

    await till.post("/redemptions", ask(f"{who}-2", code), 201)

    assert await till.counters(campaign) == (1, 0, 100_000, 0)
    late = await till.post(f"/reservations/{held['id']}/commit", {}, 409)
    assert (late["code"], late["state"]) == ("loyalty.reservation_ended", "expired")
    gone = await till.post(f"/reservations/{held['id']}/commit", {"reacquire": True}, 409)
    assert (gone["code"], gone["vouchers"][0]["reason"]) == ("loyalty.not_applicable", "campaign_used_up")
    assert await till.counters(campaign) == (1, 0, 100_000, 0)


async def test_points_of_an_expired_hold_are_free(till: Till, who: str):
    await till.give_points(who, 100)
    held = await till.post("/reservations", ask(who, points=100), 201)
    await till.lapse(held["id"])
    taken = await till.post("/redemptions", ask(who, points=100), 201)
    assert taken["points"] == 100
    assert await till.points(who) == 0


async def test_what_expired_is_taken_anew_only_when_asked(till: Till, who: str):
    campaign, code = await till.offer(limits={"max_uses": 1})
    await till.give_points(who, 100)
    held = await till.post("/reservations", ask(who, code, points=50), 201)
    await till.lapse(held["id"])
    await till.post(f"/reservations/{held['id']}/commit", {}, 409)

    done = await till.post(f"/reservations/{held['id']}/commit", {"reacquire": True}, 201)

    assert (done["discount_minor"], done["points"], done["reservation_id"]) == (100_000, 50, held["id"])
    assert (await till.get(f"/reservations/{held['id']}"))["state"] == "expired"
    assert await till.counters(campaign) == (1, 0, 100_000, 0)
    assert await till.points(who) == 50
    again = await till.post(f"/reservations/{held['id']}/commit", {"reacquire": True}, 409)
    assert again["redemption_id"] == done["id"]


async def test_the_job_ends_what_has_run_out(till: Till, who: str):
    campaign, code = await till.offer()
    await till.give_points(who, 100)
    held = [await till.post("/reservations", ask(who, code, points=20), 201) for _ in range(3)]
    for each in held[:2]:
        await till.lapse(each["id"])

    assert await till.loyalty.checkout.ending.expire_due() >= 2

    assert await till.counters(campaign) == (0, 1, 0, 100_000)
    assert await till.points(who) == 80
    assert [(await till.get(f"/reservations/{each['id']}"))["state"] for each in held] == ["expired", "expired", "held"]


async def test_a_hold_is_extended_three_times(till: Till, who: str):
    _, code = await till.offer()
    await till.give_points(who, 10)
    held = await till.post("/reservations", ask(who, code, points=10, ttl_seconds=60), 201)
    path = f"/reservations/{held['id']}/extend"
    assert (await till.post(path, {"ttl_seconds": 3_601}, 422))["code"] == "loyalty.bad_ttl"
    for number in range(1, 4):
        longer = await till.post(path, {"ttl_seconds": 60 * number}, 200)
        assert longer["extensions"] == number
        assert longer["expires_at"] > held["expires_at"]
    assert (await till.post(path, {}, 409))["code"] == "loyalty.too_many_extensions"
    points = await till.value("SELECT expires_at FROM holds WHERE id = :id", id=UUID(held["id"]))
    assert points.isoformat().replace("+00:00", "Z") == longer["expires_at"]
    await till.lapse(held["id"])
    assert (await till.post(path, {}, 409))["state"] == "expired"


async def test_an_order_holds_one_reservation(till: Till, who: str):
    one, first = await till.offer(max_uses_per_customer=1)
    two, second = await till.offer()
    order = f"o-{who}"
    held = await till.post("/reservations", ask(who, first, order_id=order), 201)
    assert (await till.post("/reservations", ask(who, second, order_id=order), 409))["code"] == "loyalty.order_reserved"

    swapped = await till.post("/reservations", ask(who, first, second, order_id=order, replace=True), 201)

    assert (await till.get(f"/reservations/{held['id']}"))["state"] == "voided"
    assert await till.counters(one) == (0, 1, 0, 100_000)
    assert await till.counters(two) == (0, 1, 0, 100_000)
    # What cannot be had leaves what is held as it is.
    refused = ask(who, "NIEMALS99", order_id=order, replace=True)
    await till.post("/reservations", refused, 409)
    assert (await till.get(f"/reservations/{swapped['id']}"))["state"] == "held"
    stranger = ask(f"{who}-2", second, order_id=order, replace=True)
    assert (await till.post("/reservations", stranger, 409))["code"] == "loyalty.order_reserved"
    await till.lapse(swapped["id"])
    await till.post("/reservations", ask(f"{who}-2", second, order_id=order), 201)


async def test_a_voucher_stands_once_for_an_order(till: Till, who: str):
    campaign, code = await till.offer()
    order = f"o-{who}"
    done = await till.post("/redemptions", ask(who, code, order_id=order), 201)
    for path in ("/redemptions", "/reservations"):
        again = await till.post(path, ask(who, code, order_id=order), 409)
        assert (again["code"], again["redemptions"]) == ("loyalty.already_used_for_order", [done["id"]])
    assert await till.counters(campaign) == (1, 0, 100_000, 0)
    await till.post(f"/redemptions/{done['id']}/rollbacks", {"reason": "giỏ hàng đổi"}, 201)
    await till.post("/redemptions", ask(who, code, order_id=order), 201)


async def test_the_same_key_has_one_effect_and_another_body_none(till: Till, who: str):
    campaign, code = await till.offer()
    key = str(uuid4())
    first = await till.post("/redemptions", ask(who, code), 201, key=key)
    assert await till.post("/redemptions", ask(who, code), 201, key=key) == first
    other = await till.post("/redemptions", ask(who, code, total=2_000_000), 422, key=key)
    assert other["code"] == "idempotency_key_reused"
    assert await till.counters(campaign) == (1, 0, 100_000, 0)
    for verb, status in (("extend", 200), ("commit", 201)):
        held = await till.post("/reservations", ask(who, code), 201)
        path = f"/reservations/{held['id']}/{verb}"
        assert await till.post(path, {}, status, key=f"{key}{verb}") == await till.post(
            path, {}, status, key=f"{key}{verb}"
        )


async def test_a_persons_uses_count_over_all_their_keys(till: Till, who: str):
    campaign, code = await till.offer(max_uses_per_customer=2)
    guest = {**ask(who, code), "customer": f"anonymous_id:{who}"}
    await till.post("/redemptions", guest, 201)
    await till.post("/redemptions", ask(who, code), 201)
    await till.merge(anonymous_key(who), user_key(who))

    refused = await till.post("/redemptions", ask(who, code), 409)
    assert refused["vouchers"][0]["reason"] == "customer_limit"
    assert (await till.post("/redemptions", guest, 409))["vouchers"][0]["data"] == {"limit": 2, "used": 2}

    await till.unmerge(anonymous_key(who), user_key(who))
    await till.post("/redemptions", ask(who, code), 201)
    await till.post("/redemptions", ask(who, code), 409)
    await till.post("/redemptions", guest, 201)
    assert (await till.counters(campaign))[0] == 4


async def test_a_reservation_is_for_one_caller_customer_and_order(till: Till, who: str):
    _, code = await till.offer()
    held = await till.post("/reservations", ask(who, code, order_id=f"o-{who}"), 201)
    path = f"/reservations/{held['id']}"
    other = await till.post(f"{path}/commit", {"customer": f"user_id:{who}-2"}, 409)
    assert (other["code"], other["what"]) == ("loyalty.reservation_mismatch", "customer")
    assert (await till.post(f"{path}/commit", {"order_id": "another"}, 409))["what"] == "order"
    _, secret = await till.running.platform.keyring.create("secret", "another till", scopes=("loyalty:checkout",))
    stranger = {"Authorization": f"Bearer {secret}"}
    for verb in ("commit", "void", "extend"):
        answer = await till.http.post(f"/v1/loyalty{path}/{verb}", json={}, headers=stranger)
        assert (answer.status_code, answer.json()["code"]) == (404, "loyalty.reservation_unknown")
    await till.post(f"{path}/commit", {"customer": f"user_id:{who}", "order_id": f"o-{who}"}, 201)


async def test_lists_are_by_customer_and_by_order(till: Till, who: str):
    _, code = await till.offer()
    made = [(await till.post("/redemptions", ask(who, code, order_id=f"{who}-{n}"), 201))["id"] for n in range(3)]
    page = await till.get("/redemptions", customer=f"user_id:{who}", limit=2)
    assert [each["id"] for each in page["items"]] == [made[2], made[1]]
    rest = await till.get("/redemptions", customer=f"user_id:{who}", limit=2, cursor=page["next_cursor"])
    assert ([each["id"] for each in rest["items"]], rest["next_cursor"]) == ([made[0]], None)
    assert [each["id"] for each in (await till.get("/redemptions", order_id=f"{who}-1"))["items"]] == [made[1]]
    held = await till.post("/reservations", ask(who, code), 201)
    found = await till.get("/reservations", customer=f"user_id:{who}")
    assert [each["id"] for each in found["items"]] == [held["id"]]
    assert (await till.get("/redemptions", 400, cursor="WzFd"))["code"] == "bad_cursor"


async def test_a_look_changes_no_row_and_travels_in_time(till: Till, who: str):
    today = till.loyalty.clock.now().astimezone(till.loyalty.zone).date()
    days = {"starts_on": str(today + timedelta(days=7)), "ends_on": str(today + timedelta(days=8))}
    campaign, code = await till.offer(limits=days)
    await till.give_points(who, 10_000)
    before = await till.fingerprint()
    body = ask(who, code, "NIEMALS99", points=100, mode="partial")

    now = await till.post("/validations", body, 200)
    later = await till.post(
        "/validations", {**body, "as_of": (till.loyalty.clock.now() + timedelta(days=7, hours=12)).isoformat()}, 200
    )

    assert [each["reason"] for each in now["vouchers"]] == ["not_started", "unknown_code"]
    assert [each["reason"] for each in later["vouchers"]] == [None, "unknown_code"]
    assert (later["applies"], later["discount_minor"], later["points"]["minor"]) == (False, 100_000, 10_000)
    assert await till.fingerprint() == before
    assert await till.counters(campaign) == (0, 0, 0, 0)


async def test_a_browser_learns_nothing_but_whether_it_applies(till: Till, who: str):
    _, good = await till.offer()
    _, gone = await till.offer(limits={"max_uses": 1})
    await till.post("/redemptions", ask(who, gone), 201)
    path = "/v1/loyalty/validations/anonymous"
    answers = []
    for code in (gone, "NIEMALS99", "x"):
        answer = await till.running.shop.post(path, json={"basket": basket(), "vouchers": [code]})
        assert answer.status_code == 200, answer.text
        answers.append(answer.json())
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["vouchers"][0]["reason"] == "code_not_applicable"
    yes = (await till.running.shop.post(path, json={"basket": basket(), "vouchers": [good]})).json()
    assert (yes["applies"], yes["payable_minor"]) == (True, 900_000)
    prying = {"basket": basket(), "vouchers": [good], "customer": f"user_id:{who}"}
    assert (await till.running.shop.post(path, json=prying)).json()["code"] == "loyalty.secret_key_needed"
    assert (await till.running.shop.post("/v1/loyalty/validations", json=ask(who, good))).status_code == 403
    assert (await till.running.shop.post("/v1/loyalty/redemptions", json=ask(who, good))).status_code == 403


@pytest.mark.parametrize("path", ["/validations", "/reservations", "/redemptions"])
async def test_who_tries_codes_is_turned_away_even_with_a_good_one(till: Till, who: str, path: str):
    _, code = await till.offer()
    for number in range(5):
        await till.post(path, ask(who, f"DOAN{number}XYZ"), 200 if path == "/validations" else 409)

    refused = await till.post(path, ask(who, code), 429)

    assert refused["code"] == "loyalty.throttled"
    assert refused["retry_after_seconds"] >= 1
    # It is their tries that count: others, and points alone, go on.
    await till.post(path, ask(f"{who}-2", code), 200 if path == "/validations" else 201)


async def test_a_code_of_somebody_else_is_refused_and_counts(till: Till, who: str):
    campaign = await till.campaign(shared=False)
    given = await till.post(f"/campaigns/{campaign}/assignments", {"customer": f"user_id:{who}-2"}, 201)
    for _ in range(5):
        refused = await till.post("/redemptions", ask(who, given["code"]), 409)
        assert refused["vouchers"][0]["reason"] == "not_yours"
    await till.post("/redemptions", ask(who, given["code"]), 429)
    await till.post("/redemptions", ask(f"{who}-2", given["code"]), 201)
