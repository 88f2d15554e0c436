"""Referrals over HTTP, as shops and staff use them."""

from uuid import uuid4

import pytest
from referrals_world import FIRST_ORDER

from shared.testing.platform import Running

# Of nothing. The same in every process: tests are told apart by it.
NOWHERE = "01900000-0000-7000-8000-000000000000"

pytestmark = pytest.mark.asyncio(loop_scope="module")

CAME = {"name": "came", "event": "signup", "advocate": {"points": 20}, "friend": {"points": 10}}


async def a_code(running: Running, name: str = "Bạn rủ bạn", **terms: object) -> tuple[str, str, str]:
    """A programme, and an advocate with a code."""
    crm, advocate = running.crm, f"user_id:{uuid4()}"
    body = {"name": f"{name} {uuid4()}", "milestones": [CAME], "hold_days": 0, **terms}
    made = await crm.post("/v1/loyalty/referral-programs", json=body)
    assert made.status_code == 201, made.text
    program = made.json()["id"]
    path = f"/v1/loyalty/referral-programs/{program}/codes"
    first, again = [await crm.post(path, json={"customer": advocate}) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    return program, advocate, first.json()["code"]


async def test_a_friend_comes_and_both_have_points(module_running: Running):
    crm = module_running.crm
    _, advocate, code = await a_code(module_running)
    body = {"code": code, "customer": f"user_id:{uuid4()}", "email_domain": "shop.example"}

    first, again = [await crm.post("/v1/loyalty/referrals", json=body) for _ in range(2)]

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert [each["state"] for each in first.json()["milestones"]] == ["paid"]
    assert (await crm.get(f"/v1/loyalty/referrals/{first.json()['id']}")).json() == first.json()
    listed = (await crm.get("/v1/loyalty/referrals", params={"advocate": advocate})).json()["items"]
    assert listed == [first.json()]


async def test_staff_looks_through_the_queue_page_by_page(module_running: Running):
    crm = module_running.crm
    _, advocate, code = await a_code(module_running, fraud={"actions": {"disposable_mail": "review"}})
    for _ in range(3):
        body = {"code": code, "customer": f"user_id:{uuid4()}", "email_domain": "yopmail.com"}
        assert (await crm.post("/v1/loyalty/referrals", json=body)).json()["state"] == "review"
    params = {"state": "review", "advocate": advocate, "limit": "2"}
    page = (await crm.get("/v1/loyalty/referrals", params=params)).json()
    rest = (await crm.get("/v1/loyalty/referrals", params={**params, "cursor": page["next_cursor"]})).json()
    waiting = [each["id"] for each in (*page["items"], *rest["items"])]
    assert (len(waiting), rest["next_cursor"]) == (3, None)

    key = {"Idempotency-Key": str(uuid4())}
    for _ in range(2):
        approved = await crm.post(f"/v1/loyalty/referrals/{waiting[0]}/approve", json={"reason": "ổn"}, headers=key)
        assert (approved.status_code, approved.json()["state"]) == (200, "active")
    rejected = await crm.post(f"/v1/loyalty/referrals/{waiting[1]}/reject", json={"reason": "giả"})
    assert (rejected.json()["state"], rejected.json()["decision"]) == ("rejected", "giả")
    twice = await crm.post(f"/v1/loyalty/referrals/{waiting[1]}/approve", json={"reason": "nhầm"})
    assert (twice.status_code, twice.json()["code"]) == (409, "loyalty.referral_not_in_review")
    assert (await crm.post(f"/v1/loyalty/referrals/{waiting[2]}/reject", json={})).status_code == 422


async def test_programmes_are_listed_paused_and_resumed(module_running: Running):
    crm = module_running.crm
    program, _, code = await a_code(module_running)
    path = f"/v1/loyalty/referral-programs/{program}"
    assert (await crm.post(f"{path}/pause")).json()["is_paused"] is True
    came = await crm.post("/v1/loyalty/referrals", json={"code": code, "customer": "user_id:somebody"})
    assert (came.status_code, came.json()["code"]) == (409, "loyalty.referral_program_closed")
    assert (await crm.post(f"{path}/resume")).json()["is_paused"] is False
    assert program in [each["id"] for each in (await crm.get("/v1/loyalty/referral-programs")).json()["items"]]
    assert (await crm.get(path)).json()["terms"]["milestones"][0]["name"] == "came"


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("GET", f"referral-programs/{NOWHERE}", None, "loyalty.referral_program_unknown"),
        ("POST", f"referral-programs/{NOWHERE}/codes", {"customer": "user_id:1"}, "loyalty.referral_program_unknown"),
        ("GET", f"referrals/{NOWHERE}", None, "loyalty.referral_unknown"),
        ("POST", f"referrals/{NOWHERE}/approve", {"reason": "x"}, "loyalty.referral_unknown"),
        ("POST", "referrals", {"code": "NOBODY22", "customer": "user_id:1"}, "loyalty.referral_code_unknown"),
        ("POST", "referrals", {"code": "NOBODY22", "customer": "ann"}, "loyalty.referral_bad_customer"),
        ("POST", "referrals", {"code": "N", "customer": "user_id:1", "signals": {"iris": ["12345678"]}}, "invalid"),
        ("POST", "referrals", {"code": "N", "customer": "user_id:1", "phone": "0901234567"}, "invalid"),
        ("GET", "referrals?cursor=x", None, "bad_cursor"),
        ("GET", "referrals?advocate=ann", None, "loyalty.referral_bad_customer"),
        (
            "POST",
            "referral-programs",
            {"name": "n", "milestones": [{**FIRST_ORDER, "friend": {"points": 1, "wallet": "gold"}}]},
            "loyalty.unknown_wallet",
        ),
        (
            "POST",
            "referral-programs",
            {
                "name": "n",
                "milestones": [FIRST_ORDER],
                "starts_at": "2026-01-02T00:00:00Z",
                "ends_at": "2026-01-01T00:00:00Z",
            },
            "loyalty.referral_bad_program",
        ),
    ],
)
async def test_what_is_not_there_and_what_makes_no_sense(
    module_running: Running, method: str, path: str, body: dict[str, object] | None, code: str
):
    answer = await module_running.crm.request(method, f"/v1/loyalty/{path}", json=body)

    assert answer.json()["code"] == code, answer.text
