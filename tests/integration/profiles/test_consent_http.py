"""Consent over HTTP: as a preference page writes it, and as a sender asks before each message."""

import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from profiles_world import NOW, HandClock
from sqlalchemy import event

from services.profiles.app import service as profiles
from shared.ids import anonymous_key, user_key, uuid7
from shared.testing.platform import Running, running_platform

URL = "/v1/customers/user_id:42/consent"
MAIL = {"purpose": "marketing", "channel": "email"}
SMS = {"purpose": "marketing", "channel": "sms"}
YES = {**MAIL, "state": "granted"}
NO = {**MAIL, "state": "withdrawn"}


@pytest.fixture
async def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def running(database_url: str, clock: HandClock) -> AsyncIterator[Running]:
    async with running_platform(database_url, (profiles,), role="api", clock=clock) as platform:
        await platform.crm.post("/v1/customers", json={"user_id": "42", "traits": {"email": "a@example.vn"}})
        yield platform


async def said(running: Running, *changes: dict[str, Any], url: str = URL, **more: Any) -> dict[str, Any]:
    answer = await running.crm.post(url, json={"changes": changes, "text_version": "2026-11", **more})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def checked(running: Running, *customers: str, **pair: str) -> list[dict[str, Any]]:
    body = {"customers": customers or ["user_id:42"], **(pair or MAIL)}
    answer = await running.crm.post("/v1/consent/check", json=body)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["results"])


async def reason(running: Running, *customers: str, **pair: str) -> str:
    verdict = (await checked(running, *customers, **pair))[0]
    assert verdict["allowed"] == (verdict["reason"] in ("granted", "not_needed"))
    return str(verdict["reason"])


async def test_nothing_is_allowed_until_somebody_said_so(running: Running) -> None:
    declared = (await running.crm.get("/v1/consent/purposes")).json()

    for purpose in declared["purposes"]:
        for channel in declared["channels"]:
            wanted = "no_consent" if purpose["needs_consent"] else "not_needed"
            assert await reason(running, purpose=purpose["name"], channel=channel) == wanted
    assert await reason(running, str(uuid7())) == "no_consent"
    state = (await running.crm.get(URL)).json()
    assert state["consents"] == []
    assert state["not_needed"] == [{"purpose": "transactional", "basis": "contract"}]


async def test_a_grant_holds_for_its_purpose_and_channel_alone(running: Running) -> None:
    state = await said(running, {**YES, "frequency": {"max": 2, "per": "week"}}, source="checkout")

    assert await checked(running) == [
        {
            "customer": "user_id:42",
            "allowed": True,
            "reason": "granted",
            "since": "2026-11-21T09:00:00Z",
            "text_version": "2026-11",
            "frequency": {"max": 2, "per": "week"},
            "expires_at": None,
        }
    ]
    assert await reason(running, **SMS) == "no_consent"
    assert await reason(running, purpose="surveys", channel="email") == "no_consent"
    assert state["outdated"] == []
    (entry,) = state["consents"]
    assert (entry["purpose"], entry["channel"], entry["source"]) == ("marketing", "email", "checkout")
    assert (entry["allowed"], entry["reason"], entry["customer"]) == (True, "granted", str(user_key("42")))


async def test_a_withdrawal_is_as_easy_and_holds_at_once(running: Running, clock: HandClock) -> None:
    await said(running, YES, {**SMS, "state": "granted"})
    clock.time += timedelta(seconds=1)

    answer = await running.crm.post(URL, json={"changes": [NO]})

    assert answer.status_code == 200
    assert await reason(running) == "withdrawn"
    assert await reason(running, **SMS) == "granted"


async def test_of_two_words_at_one_moment_the_withdrawal_wins(running: Running) -> None:
    await said(running, NO)
    assert (await said(running, YES))["outdated"] == [0]
    assert await reason(running) == "withdrawn"

    await said(running, {**SMS, "state": "granted"})
    await said(running, {**SMS, "state": "withdrawn"})
    assert await reason(running, **SMS) == "withdrawn"


async def test_an_earlier_grant_that_comes_late_undoes_no_withdrawal(running: Running) -> None:
    hour = timedelta(hours=1)
    await said(running, NO, time=(NOW - hour).isoformat())

    late = await said(running, {**SMS, "state": "granted"}, YES, time=(NOW - 2 * hour).isoformat())

    assert late["outdated"] == [1]
    assert await reason(running) == "withdrawn"
    assert await reason(running, **SMS) == "granted"


async def test_a_consent_ends_at_its_end(running: Running, clock: HandClock) -> None:
    await said(running, {**YES, "expires_at": (NOW + timedelta(days=1)).isoformat()})
    assert await reason(running) == "granted"

    clock.time += timedelta(days=1)

    assert await reason(running) == "expired"
    (entry,) = (await running.crm.get(URL)).json()["consents"]
    assert (entry["allowed"], entry["reason"]) == (False, "expired")
    then = (await running.crm.get(URL, params={"as_of": NOW.isoformat()})).json()["consents"][0]
    assert (then["allowed"], then["reason"]) == (True, "granted")


async def test_what_held_at_a_time_can_be_asked(running: Running) -> None:
    hours = [(NOW - timedelta(hours=hour)).isoformat() for hour in (4, 3, 2, 1)]
    await said(running, YES, time=hours[1])
    await said(running, NO, time=hours[3])

    async def at(time: str) -> list[str]:
        answer = await running.crm.get(URL, params={"as_of": time})
        assert answer.status_code == 200, answer.text
        return [entry["reason"] for entry in answer.json()["consents"]]

    assert [await at(hour) for hour in hours] == [[], ["granted"], ["granted"], ["withdrawn"]]
    refused = await running.crm.get(URL, params={"as_of": (NOW + timedelta(days=1)).isoformat()})
    assert (refused.status_code, refused.json()["code"]) == (422, "profiles.future_time")


async def test_the_history_keeps_every_word_with_its_proof(running: Running, clock: HandClock) -> None:
    proof = {"form_id": "newsletter-7", "ip_sha256": "9f86"}
    for number in range(5):
        change = YES if number % 2 == 0 else NO
        await said(running, change, proof={**proof, "n": number}, source="checkout")
        clock.time += timedelta(minutes=1)
    await said(running, {**SMS, "state": "granted"})

    seen: list[dict[str, Any]] = []
    cursor = None
    while True:
        params: dict[str, Any] = {"limit": 2, **MAIL, **({"cursor": cursor} if cursor else {})}
        page = (await running.crm.get(f"{URL}/history", params=params)).json()
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert [each["state"] for each in seen] == ["granted", "withdrawn", "granted", "withdrawn", "granted"]
    assert [each["proof"] for each in seen] == [{**proof, "n": number} for number in (4, 3, 2, 1, 0)]
    assert {each["source"] for each in seen} == {"checkout"}
    assert all(each["recorded_by"].startswith("api:") for each in seen)
    everything = (await running.crm.get(f"{URL}/history")).json()["items"]
    assert len(everything) == 6
    for cursor in ("!", "W10", "WzEsMl0", "WyIyMDI2LTAxLTAxIiwiYiJd"):
        refused = await running.crm.get(f"{URL}/history", params={"cursor": cursor})
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_cursor")


async def test_the_same_idempotency_key_is_one_word(running: Running) -> None:
    headers, body = {"Idempotency-Key": "one"}, {"changes": [YES], "text_version": "v1"}
    first = await running.crm.post(URL, json=body, headers=headers)
    second = await running.crm.post(URL, json=body, headers=headers)
    other = await running.crm.post(URL, json={"changes": [NO]}, headers=headers)

    assert first.content == second.content
    assert second.headers["Idempotent-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len((await running.crm.get(f"{URL}/history")).json()["items"]) == 1


WRONG_WORDS: list[tuple[dict[str, Any], str]] = [
    ({"changes": []}, "invalid"),
    ({"changes": [YES, YES]}, "invalid"),
    ({"changes": [{**YES, "state": "maybe"}]}, "invalid"),
    ({"changes": [{**YES, "frequency": {"max": 0, "per": "week"}}]}, "invalid"),
    ({"changes": [{**YES, "frequency": {"max": "2", "per": "week"}}]}, "invalid"),
    ({"changes": [{**YES, "frequency": {"max": 2, "per": "year"}}]}, "invalid"),
    ({"changes": [{**NO, "frequency": {"max": 2, "per": "week"}}]}, "invalid"),
    ({"changes": [{**NO, "expires_at": "2027-01-01T00:00:00Z"}]}, "invalid"),
    ({"changes": [YES], "time": "2026-01-31T09:30:00"}, "invalid"),
    ({"changes": [YES], "proof": {"a": "\x00"}}, "invalid"),
    ({"changes": [YES], "proof": "a form"}, "invalid"),
    ({"changes": [YES], "colour": "red"}, "invalid"),
    ({"changes": [YES], "text_version": "a@example.vn"}, "invalid"),
    ({"changes": [YES], "time": "2027-01-31T09:30:00Z"}, "profiles.future_time"),
    ({"changes": [YES], "text_version": None}, "profiles.text_version_missing"),
    ({"changes": [YES], "proof": {"scan": "x" * 5_000}}, "profiles.proof_too_large"),
    ({"changes": [{**YES, "expires_at": "2026-11-21T09:00:00Z"}]}, "profiles.bad_expiry"),
    ({"changes": [{**YES, "purpose": "resale"}]}, "profiles.unknown_purpose"),
    ({"changes": [{**YES, "channel": "fax"}]}, "profiles.unknown_channel"),
    ({"changes": [{**YES, "purpose": "transactional"}]}, "profiles.consent_not_needed"),
    ({"changes": [{**NO, "purpose": "transactional"}]}, "profiles.consent_not_needed"),
]


async def test_a_wrong_word_is_refused_with_all_that_came_with_it(running: Running) -> None:
    for body, code in WRONG_WORDS:
        good = {**SMS, "state": "granted", "text_version": "v1"}
        changes = [good, *body["changes"]] if body["changes"] else []
        refused = await running.crm.post(URL, json={"text_version": "v1", **body, "changes": changes})
        assert (refused.status_code, refused.json()["code"]) == (422, code), body
        if "position" in refused.json():
            assert refused.json()["position"] == 1

    assert (await running.crm.get(f"{URL}/history")).json()["items"] == []


async def test_nobody_can_say_anything_of_somebody_unknown(running: Running) -> None:
    url = "/v1/customers/user_id:nobody/consent"
    for refused in (
        await running.crm.post(url, json={"changes": [YES], "text_version": "v1"}),
        await running.crm.get(url),
        await running.crm.get(f"{url}/history"),
    ):
        assert (refused.status_code, refused.json()["code"]) == (404, "profiles.customer_unknown")


async def test_wrong_checks_are_refused(running: Running) -> None:
    for body, code in (
        ({"customers": ["user_id:42"], "purpose": "resale", "channel": "email"}, "profiles.unknown_purpose"),
        ({"customers": ["user_id:42"], "purpose": "transactional", "channel": "fax"}, "profiles.unknown_channel"),
        ({"customers": ["user_id:42", "email:a@example.vn"], **MAIL}, "profiles.bad_references"),
        ({"customers": [], **MAIL}, "invalid"),
        ({"customers": ["user_id:42"] * 1_001, **MAIL}, "invalid"),
        ({"customers": ["user_id:42"], "purpose": "marketing"}, "invalid"),
    ):
        refused = await running.crm.post("/v1/consent/check", json=body)
        assert (refused.status_code, refused.json()["code"]) == (422, code)
        assert "a@example.vn" not in refused.text
        if code == "profiles.bad_references":
            assert refused.json()["positions"] == [1]


async def test_a_thousand_customers_are_two_statements(running: Running) -> None:
    """Counted at the driver: the cost of a check is no matter of how many are asked for."""
    await running.crm.post("/v1/customers", json={"anonymous_id": "v"})
    await said(running, YES, url="/v1/customers/anonymous_id:v/consent")
    await running.crm.post("/v1/customers/anonymous_id:v/merge", json={"into": "user_id:42", "reason": "test"})
    customers = [*(f"user_id:{number}" for number in range(998)), "anonymous_id:v", str(user_key("42"))]
    statements: list[str] = []

    def count(_c: object, _u: object, statement: str, *_: object) -> None:
        statements.append(statement)

    ((_, db),) = running.platform.databases()
    engine = db.engine.sync_engine
    event.listen(engine, "before_cursor_execute", count)
    results = await checked(running, *customers)
    event.remove(engine, "before_cursor_execute", count)

    assert len(statements) == 2, "the words, and who objected or had the use of their data restricted"
    assert "consent_words" in statements[0]
    assert [each["customer"] for each in results] == customers
    assert {each["customer"] for each in results if each["allowed"]} == {
        "user_id:42",
        "anonymous_id:v",
        str(user_key("42")),
    }


async def test_merge_and_unmerge_give_back_what_was(running: Running, clock: HandClock) -> None:
    visitor = "/v1/customers/anonymous_id:v"
    await running.crm.post("/v1/customers", json={"anonymous_id": "v"})
    await said(running, YES)
    clock.time += timedelta(minutes=1)
    await said(running, NO, {**SMS, "state": "granted"}, url=f"{visitor}/consent")
    urls = (URL, f"{visitor}/consent", f"{URL}/history", f"{visitor}/consent/history")
    before = [(await running.crm.get(url)).json() for url in urls]

    await running.crm.post(f"{visitor}/merge", json={"into": "user_id:42", "reason": "called us"})
    merged = [(await running.crm.get(url)).json() for url in urls]
    assert merged[0] == merged[1]
    assert {entry["channel"]: entry["reason"] for entry in merged[0]["consents"]} == {
        "email": "withdrawn",
        "sms": "granted",
    }
    assert len(merged[2]["items"]) == 3
    assert [await reason(running, each) for each in ("user_id:42", "anonymous_id:v")] == ["withdrawn"] * 2

    await running.crm.post(f"{visitor}/unmerge", json={"reason": "it was her sister"})
    assert [(await running.crm.get(url)).json() for url in urls] == before
    assert [await reason(running, each) for each in ("user_id:42", "anonymous_id:v")] == ["granted", "withdrawn"]


async def test_followers_hear_of_a_merge_by_themselves(database_url: str, clock: HandClock) -> None:
    async with running_platform(database_url, (profiles,), clock=clock) as running:
        await running.crm.post("/v1/customers", json={"user_id": "42"})
        await running.crm.post("/v1/customers", json={"anonymous_id": "v"})
        await said(running, NO, url="/v1/customers/anonymous_id:v/consent")
        merge = {"into": "user_id:42", "reason": "called us"}
        await running.crm.post("/v1/customers/anonymous_id:v/merge", json=merge)
        await running.settled()

        ((_, db),) = running.platform.databases()
        async with db.read() as tx:
            told = await tx.execute("SELECT customer_id, state, version FROM consent_announced")
            assert {tuple(row) for row in told} == {
                (anonymous_key("v"), "withdrawn", 1),
                (user_key("42"), "withdrawn", 1),
            }


async def test_what_is_said_of_a_merged_key_goes_with_it(running: Running) -> None:
    visitor = "/v1/customers/anonymous_id:v"
    await running.crm.post("/v1/customers", json={"anonymous_id": "v"})
    await running.crm.post(f"{visitor}/merge", json={"into": "user_id:42", "reason": "called us"})

    state = await said(running, YES, url=f"{visitor}/consent")
    assert state["customer"] == str(user_key("42"))
    assert state["consents"][0]["customer"] == str(anonymous_key("v"))
    await said(running, {**SMS, "state": "granted"}, url="/v1/customers/email:a@example.vn/consent")
    await running.crm.post(f"{visitor}/unmerge", json={"reason": "it was her sister"})

    assert [await reason(running, each) for each in ("user_id:42", "anonymous_id:v")] == ["no_consent", "granted"]
    assert await reason(running, "user_id:42", **SMS) == "granted"


async def test_a_poll_that_brings_nothing_new_is_304(running: Running, clock: HandClock) -> None:
    await said(running, YES)
    tag = (await running.crm.get(URL)).headers["ETag"]
    clock.time += timedelta(minutes=1)

    assert (await running.crm.get(URL, headers={"If-None-Match": tag})).status_code == 304
    await said(running, NO)
    assert (await running.crm.get(URL, headers={"If-None-Match": tag})).status_code == 200


async def test_scopes_are_asked_for(running: Running) -> None:
    _, key = await running.platform.keyring.create("secret", "sender", scopes=("consent:read",))
    headers = {"Authorization": f"Bearer {key}"}
    body = {"customers": ["user_id:42"], **MAIL}
    assert (await running.crm.post("/v1/consent/check", json=body, headers=headers)).status_code == 200
    assert (await running.crm.get(URL, headers=headers)).status_code == 200
    refused = await running.crm.post(URL, json={"changes": [NO]}, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
    _, other = await running.platform.keyring.create("secret", "reader", scopes=("profiles:read",))
    for method, path in (("GET", URL), ("GET", f"{URL}/history"), ("GET", "/v1/consent/purposes")):
        refused = await running.crm.request(method, path, headers={"Authorization": f"Bearer {other}"})
        assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
    assert (await running.shop.post("/v1/consent/check", json=body)).status_code == 403


async def test_a_text_stays_as_it_was_shown(running: Running, clock: HandClock) -> None:
    url, body = (
        "/v1/consent/texts/newsletter-1",
        {"locale": "vi", "text": "Tôi đồng ý nhận thư, nhiều nhất hai lần một tuần."},
    )

    first = await running.crm.put(url, json=body)
    clock.time += timedelta(minutes=1)
    again = await running.crm.put(url, json=body)
    other = await running.crm.put(url, json={**body, "text": "Tôi đồng ý."})

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json() == (await running.crm.get(url)).json()
    assert first.json()["text"] == body["text"]
    assert first.json()["sha256"] == hashlib.sha256(body["text"].encode()).hexdigest()
    assert (other.status_code, other.json()["code"]) == (409, "profiles.text_published")
    missing = await running.crm.get("/v1/consent/texts/newsletter-2")
    assert (missing.status_code, missing.json()["code"]) == (404, "profiles.text_unknown")
    for wrong in ({"locale": "vi"}, {"locale": "Tiếng Việt", "text": "x"}, {**body, "text": ""}):
        assert (await running.crm.put(url, json=wrong)).status_code == 422
    assert (await running.crm.put("/v1/consent/texts/a@b.vn", json=body)).status_code == 422


async def test_texts_are_listed_the_newest_first(running: Running, clock: HandClock) -> None:
    for version in ("t1", "t2", "t3"):
        await running.crm.put(f"/v1/consent/texts/{version}", json={"locale": "en", "text": f"I agree ({version})."})
        clock.time += timedelta(minutes=1)

    first = (await running.crm.get("/v1/consent/texts", params={"limit": 2})).json()
    rest = (await running.crm.get("/v1/consent/texts", params={"limit": 2, "cursor": first["next_cursor"]})).json()

    assert [each["version"] for each in (*first["items"], *rest["items"])] == ["t3", "t2", "t1"]
    assert rest["next_cursor"] is None
    for cursor in ("!", "WzEsMl0", "WyIyMDI2LTAxLTAxIiwiYiJd"):
        refused = await running.crm.get("/v1/consent/texts", params={"cursor": cursor})
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_cursor")
