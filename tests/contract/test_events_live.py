"""What really travels: every record on every topic, after a day of everything, fits its committed schema."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from services.cli.contracts import FOLDER
from services.metrics.alarms.domain.revising import Change
from services.metrics.alarms.domain.watch import Dates
from services.metrics.alarms.repository import alarms
from services.metrics.alarms.service.saying import Saying
from services.metrics.value.domain.fitted import Fitted, Parameters
from services.metrics.value.repository import sums
from services.registry import SERVICES
from shared.bus.base import Bus, Record
from shared.events.topics import TOPICS
from shared.ids import uuid7
from shared.testing.platform import Running, running_platform

CHECKER = FormatChecker()
PERSONAL = ("ann@shop.example", "Ánh Nguyễn", "+84901234567", "12 Hàng Bạc")
SUBSCRIPTION_EVENTS = ("Started", "Renewed", "Upgraded", "Paused", "Resumed", "Payment Failed", "Cancelled")


class Still(NamedTuple):
    """A clock that stands."""

    at: datetime

    def now(self) -> datetime:
        return self.at


@CHECKER.checks("date-time", raises=ValueError)
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def a_day() -> list[dict[str, Any]]:
    """Something of everything a shop may send, and something wrong."""
    visitor, user = {"anonymousId": "a-1"}, {"userId": "u-1"}
    contact = {"email": PERSONAL[0], "name": PERSONAL[1], "phone": PERSONAL[2], "address": {"street": PERSONAL[3]}}

    def track(event: str, who: dict[str, str] = user, **properties: Any) -> dict[str, Any]:
        return {"type": "track", "event": event, **who, "properties": properties, "context": {"traits": contact}}

    money = {"currency": "VND", "order_id": "o-1"}
    return [
        {
            "type": "page",
            **visitor,
            "name": "Home",
            "properties": {"url": "https://shop.example/?email=" + PERSONAL[0]},
        },
        track("Product Viewed", visitor, product_id="p-1"),
        {"type": "identify", **visitor, **user, "traits": contact},
        {"type": "screen", **user, "name": "Basket"},
        {"type": "group", **user, "groupId": "g-1", "traits": contact},
        {"type": "alias", **user, "previousId": "old-1"},
        track("Order Completed", **money, total=250_000, shipping_address=contact["address"], email=PERSONAL[0]),
        track("Order Updated", **money, total=240_000),
        track("Order Refunded", **money, total=40_000, reason=PERSONAL[1]),
        track("Order Completed", currency="VND", order_id="o-2", total=1),
        track("Order Cancelled", order_id="o-2"),
        *(
            track(f"Subscription {each}", subscription_id="s-1", plan_id="gold", price=9, quantity=2, currency="USD")
            for each in SUBSCRIPTION_EVENTS
        ),
        track("Order Completed", **money, total="a lot"),
    ]


@pytest.fixture
async def running(database_url: str) -> Any:
    async with running_platform(database_url, SERVICES) as platform:
        yield platform


async def records(bus: Bus) -> list[Record]:
    """Everything on every topic, from the beginning."""
    found: list[Record] = []
    consumer = bus.consumer(topics=[topic.name for topic in TOPICS], group="contract")
    await consumer.start()
    try:
        expected = sum([sum((await bus.end_offsets(topic.name)).values()) for topic in TOPICS])
        while len(found) < expected:
            for batch in (await consumer.poll(max_records=1_000, max_wait=1)).values():
                found += batch
    finally:
        await consumer.stop()
    return found


async def a_marketing_day(running: Running) -> None:
    """Somebody allows something, and is put on a list and taken off it."""
    yes = {"purpose": "marketing", "channel": "email", "state": "granted"}
    proof = {"signed_as": PERSONAL[1]}
    said = await running.crm.post(
        "/v1/customers/user_id:u-1/consent", json={"changes": [yes], "text_version": "1", "proof": proof}
    )
    assert said.status_code == 200, said.text
    listed = await running.crm.post("/v1/segments", json={"name": PERSONAL[1], "kind": "static", "rule": None})
    assert listed.status_code == 201, listed.text
    for change in ("add", "remove"):
        moved = await running.crm.post(f"/v1/segments/{listed.json()['id']}/members", json={change: ["user_id:u-1"]})
        assert moved.status_code == 200, moved.text
    words = {"vi": {"name": "Mẹ bận rộn", "summary": "Mua vào buổi tối."}}
    persona = {"key": "me-ban-ron", "segment": listed.json()["id"], "owner": "CX", "texts": words}
    written = await running.crm.post("/v1/personas", json=persona)
    assert written.status_code == 201, written.text


async def a_voucher(running: Running) -> None:
    """A customer is assigned a code, which is frozen."""
    terms = {"benefit": {"type": "percentage", "percent": 10}}
    made = await running.crm.post(
        "/v1/loyalty/campaigns", json={"name": "Sinh nhật", "currency": "VND", "terms": terms}
    )
    assert made.status_code == 201, made.text
    campaign = f"/v1/loyalty/campaigns/{made.json()['id']}"
    active = await running.crm.post(f"{campaign}/state", json={"state": "active"})
    assert active.status_code == 200, active.text
    assigned = await running.crm.post(f"{campaign}/assignments", json={"customer": "user_id:u-1"})
    assert assigned.status_code == 201, assigned.text
    voucher = assigned.json()["voucher"]["id"]
    frozen = await running.crm.post(f"/v1/loyalty/vouchers/{voucher}/state", json={"state": "frozen"})
    assert frozen.status_code == 200, frozen.text


async def a_checkout(running: Running) -> None:
    """A code is reserved, redeemed and rolled back."""
    terms = {"benefit": {"type": "fixed", "amount_minor": 1_000}}
    body = {"name": "Tết", "codes": "shared", "currency": "VND", "terms": terms}
    made = (await running.crm.post("/v1/loyalty/campaigns", json=body)).json()
    campaign = f"/v1/loyalty/campaigns/{made['id']}"
    for path, said in (("state", {"state": "active"}), ("shared-codes", {"code": "TETVUI2027"})):
        assert (await running.crm.post(f"{campaign}/{path}", json=said)).is_success
    lines = [{"id": "1", "product_id": "p-1", "quantity": 1, "unit_minor": 9_000}]
    basket = {"currency": "VND", "order_id": "o-3", "lines": lines}
    asked = {"customer": "user_id:u-1", "basket": basket, "vouchers": ["TETVUI2027"]}
    held = await running.crm.post("/v1/loyalty/reservations", json=asked)
    assert held.status_code == 201, held.text
    used = await running.crm.post(f"/v1/loyalty/reservations/{held.json()['id']}/commit", json={})
    assert used.status_code == 201, used.text
    undone = await running.crm.post(
        f"/v1/loyalty/redemptions/{used.json()['id']}/rollbacks", json={"reason": PERSONAL[1]}
    )
    assert undone.status_code == 201, undone.text


async def a_request(running: Running) -> None:
    """Somebody asks what is kept of them."""
    asked = await running.crm.post(
        "/v1/customers/user_id:u-1/rights", json={"kind": "access", "verified_by": "account_login"}
    )
    assert asked.status_code == 202, asked.text


async def some_points(running: Running) -> None:
    """Points are given, held, spent, sent and taken back; some end as they come, and some are told to end soon."""
    ends = {"expiry": {"mode": "rolling", "days": 3}, "notice_days": [7]}
    wallets = {"points": {**ends, "transfers": {"is_allowed": True}}}
    version = await running.crm.post("/v1/loyalty/program/versions", json={"zone": "Etc/GMT-14", "wallets": wallets})
    active = await running.crm.post(f"/v1/loyalty/program/versions/{version.json()['version']}/activate", json={})
    assert active.status_code == 200, active.text
    lan = "/v1/loyalty/members/user_id:u-1"
    for points, more in ((100, {"note": PERSONAL[1]}), (-10, {}), (5, {"expires_at": "2020-01-01T00:00:00Z"})):
        body = {"points": points, "reason": "goodwill", **more}
        given = await running.crm.post(f"{lan}/adjustments", json=body)
        assert given.status_code == 201, given.text
    held = await running.crm.post(f"{lan}/holds", json={"points": 30})
    assert held.status_code == 201, held.text
    spent = await running.crm.post(f"/v1/loyalty/holds/{held.json()['id']}/commit", json={"points": 20})
    assert spent.status_code == 200, spent.text
    sent = await running.crm.post(f"{lan}/transfers", json={"points": 10, "to": "user_id:friend"})
    assert sent.status_code == 201, sent.text
    await running.platform.value("loyalty").points_upkeep.run()


async def a_tier(running: Running) -> None:
    """Somebody is given a level by hand, and for some time only after all, and is near another by what they paid."""
    track = {
        "measure": {"by": "orders"},
        "window": {"kind": "lifetime"},
        "levels": [{"key": "gold", "labels": {"vi": PERSONAL[1]}, "threshold": 1_000}],
    }
    spend = {"measure": {"by": "spend", "currency": "VND"}, "levels": [{"key": "club", "threshold": 250_000}]}
    for name, each in (("main", track), ("club", {**track, **spend})):
        made = await running.crm.put(f"/v1/loyalty/tiers/{name}", json={"track": each, "version": 0})
        assert made.status_code == 201, made.text
    for until in ({}, {"until": "2100-01-01T00:00:00Z"}):
        body = {"level": "gold", "reason": PERSONAL[1], **until}
        given = await running.crm.post("/v1/loyalty/members/user_id:u-1/tiers/main/grants", json=body)
        assert given.status_code == 200, given.text


async def a_reward(running: Running) -> None:
    """Of what somebody buys with points one is handed over, and one is not."""
    body = {"name": "Túi vải", "kind": "material", "wallet": "points", "points": 5, "stock": 2}
    made = await running.crm.post("/v1/loyalty/rewards", json={**body, "state": "active"})
    assert made.status_code == 201, made.text
    for path in ("fulfil", "cancel"):
        asked = {"customer": "user_id:u-1"}
        bought = await running.crm.post(f"/v1/loyalty/rewards/{made.json()['id']}/purchases", json=asked)
        assert bought.status_code == 201, bought.text
        settled = await running.crm.post(
            f"/v1/loyalty/reward-purchases/{bought.json()['id']}/{path}", json={"note": PERSONAL[1]}
        )
        assert settled.status_code == 200, settled.text


async def a_flash_sale(running: Running) -> None:
    """Somebody gets two of few, and lets one go again."""
    sale = await running.crm.post(
        "/v1/loyalty/flash-sales",
        json={
            "name": PERSONAL[1],
            "starts_local": "2020-01-01T00:00",
            "ends_local": "2100-01-01T00:00",
            "claim_seconds": 600,
            "items": [{"item": "sku-1", "units": 2}],
        },
    )
    assert sale.status_code == 201, sale.text
    for end, body in (("confirm", {"order_id": "o-1"}), ("release", {})):
        claimed = await running.crm.post(
            f"/v1/loyalty/flash-sales/{sale.json()['id']}/claims",
            json={"key": f"k-{end}", "item": "sku-1", "customer": "user_id:u-1"},
        )
        assert claimed.status_code == 201, claimed.text
        ended = await running.crm.post(f"/v1/loyalty/flash-claims/{claimed.json()['id']}/{end}", json=body)
        assert ended.status_code == 200, ended.text
    await running.platform.value("loyalty").flash_upkeep.announce()


async def a_household(running: Running) -> None:
    """Somebody spends from what a household has."""
    made = await running.crm.post("/v1/loyalty/pools", json={"owner": "user_id:u-1"})
    assert made.status_code == 201, made.text
    spent = await running.crm.post(
        f"/v1/loyalty/pools/{made.json()['id']}/spends", json={"by": "user_id:u-1", "points": 1}
    )
    assert spent.status_code == 201, spent.text


async def some_books(running: Running) -> None:
    """An order earns points, and its month is closed: the clock of the books alone goes on to the next but one."""
    rule = {"trigger": {"on": "order"}, "effect": {"kind": "fixed", "points": 9}}
    ruled = await running.crm.post(
        "/v1/loyalty/earning/rules", json={"name": "Mỗi đơn", "state": "active", "rule": rule}
    )
    assert ruled.status_code == 201, ruled.text
    money = {"order_id": "o-7", "currency": "VND", "total": 90_000}
    said = {"type": "track", "event": "Order Completed", "userId": "u-7", "properties": money}
    assert (await running.shop.post("/v1/batch", json={"batch": [said]})).is_success
    await running.settled()
    reports = running.platform.value("loyalty").reports
    month = await reports.this_month()
    priced = {"month": f"{month:%Y-%m}", "currency": "VND", "minor_per_point": "100", "redemption_rate": "0.9"}
    asked = await running.crm.put("/v1/loyalty/reports/deferred-revenue/estimates", json=priced)
    assert asked.is_success, asked.text
    later = Still(datetime.now(UTC) + timedelta(days=45))
    await replace(reports, clock=later).close(month, by="test", idem=None)


async def a_flash_lottery(running: Running) -> None:
    """Two enter for one unit: the first who is drawn misses their time, the next one is drawn."""
    now = datetime.now(UTC)
    lots = {"enters_local": "2020-01-01T00:00", "enters_until_local": "2090-01-01T00:00", "right_seconds": 60}
    sale = await running.crm.post(
        "/v1/loyalty/flash-sales",
        json={
            "name": PERSONAL[1],
            "starts_local": "2020-01-01T00:00",
            "ends_local": "2100-01-01T00:00",
            "items": [{"item": "sku-1", "units": 1}],
            "order": "lottery",
            "lottery": lots,
        },
    )
    assert sale.status_code == 201, sale.text
    for who in ("u-1", "u-2"):
        entered = await running.crm.post(
            f"/v1/loyalty/flash-sales/{sale.json()['id']}/entries",
            json={"item": "sku-1", "customer": f"user_id:{who}"},
        )
        assert entered.status_code == 201, entered.text
    loyalty = running.platform.value("loyalty")
    async with loyalty.db.write() as tx:
        await tx.execute("UPDATE flash_draws SET enters_until = :now", {"now": now})
    await loyalty.flash_draws.run()
    async with loyalty.db.write() as tx:
        await tx.execute("UPDATE flash_entries SET right_until = :now WHERE state = 'won'", {"now": now})
    await loyalty.flash_draws.run()


async def a_referral(running: Running) -> None:
    """Somebody brings a friend, whose coming is rewarded."""
    program = await running.crm.post(
        "/v1/loyalty/referral-programs",
        json={
            "name": PERSONAL[1],
            "hold_days": 0,
            "milestones": [{"name": "came", "event": "signup", "advocate": {"points": 5}, "friend": {"points": 5}}],
        },
    )
    assert program.status_code == 201, program.text
    code = await running.crm.post(
        f"/v1/loyalty/referral-programs/{program.json()['id']}/codes", json={"customer": "user_id:u-1"}
    )
    came = await running.crm.post(
        "/v1/loyalty/referrals",
        json={"code": code.json()["code"], "customer": "user_id:friend", "email_domain": "shop.example"},
    )
    assert came.status_code == 201, came.text


async def an_achievement(running: Running) -> None:
    """Somebody reaches something by an order, then by another only, and loses it with that one."""
    first = {"counts": {"on": "order"}, "goal": {"kind": "count", "target": 1}, "labels": {"vi": "Đơn đầu"}}
    made = await running.crm.post("/v1/loyalty/achievements", json={"name": "first_order", "achievement": first})
    active = await running.crm.post(f"/v1/loyalty/achievements/{made.json()['id']}/activate", json={})
    assert active.status_code == 200, active.text
    for name, order in (
        ("Order Completed", "o-9"),
        ("Order Completed", "o-8"),
        ("Order Cancelled", "o-9"),
        ("Order Cancelled", "o-8"),
    ):
        money = {"order_id": order, "currency": "VND", "total": 9_000}
        said = {"type": "track", "event": name, "userId": "u-9", "properties": money}
        assert (await running.shop.post("/v1/batch", json={"batch": [said]})).is_success
        await running.settled()
        await running.platform.value("loyalty").achievement_settling.run()


async def a_survey(running: Running) -> str:
    """Something can be asked: the address of the survey."""
    made = await running.crm.post("/v1/surveys", json={"library": "after_delivery"})
    assert made.status_code == 201, made.text
    survey = f"/v1/surveys/{made.json()['id']}"
    published = await running.crm.post(f"{survey}/publish", json={"note": PERSONAL[1]})
    assert published.status_code == 200, published.text
    return survey


async def an_answer(running: Running, survey: str) -> None:
    """Somebody says how it was."""
    said = {"csat": {"score": 1}, "problem": {"chosen": ["late"]}, "comment": {"text": PERSONAL[1]}}
    answered = await running.crm.post(
        "/v1/responses",
        json={"survey_id": survey.rpartition("/")[2], "customer": "user_id:u-1", "answers": said},
    )
    assert answered.status_code == 201, answered.text


async def a_case(running: Running, survey: str) -> None:
    """Somebody unhappy has a case that nobody looks at for a month; it is closed, and they are happy again."""
    ladder = [{"key": "late", "clock": "contact", "percent": 100, "action": "raise"}]
    policy = (await running.crm.get("/v1/case-policy")).json()
    said = {**{key: policy[key] for key in ("rules", "assign", "targets", "recovery")}, "ladder": ladder}
    for path, body in (("case-policy", said), ("case-root-causes/late", {"labels": {"vi": PERSONAL[1]}})):
        assert (await running.crm.put(f"/v1/{path}", json=body)).is_success
    (case,) = (await running.crm.get("/v1/cases", params={"customer": "user_id:u-1"})).json()["items"]
    surveys = running.platform.value("surveys")
    async with surveys.db.write() as tx:
        await tx.execute("UPDATE cases SET clock_from = clock_from - interval '30 days', next_step_at = now()")
    assert await surveys.case_escalation.run() == 1
    close = {"outcome": "solved", "root_cause": "late", "action": PERSONAL[1]}
    closed = await running.crm.post(f"/v1/cases/{case['id']}/close", json=close)
    assert closed.status_code == 200, closed.text
    happy = {"survey_id": survey.rpartition("/")[2], "customer": "user_id:u-1", "answers": {"csat": {"score": 5}}}
    answered = await running.crm.post("/v1/responses", json=happy)
    assert answered.status_code == 201, answered.text


async def an_invitation(running: Running, survey: str) -> None:
    """Somebody is asked by hand, gets it, and never answers."""
    rules = await running.crm.put("/v1/contact-rules", json={"version": 0, "budget": [], "quiet": None})
    assert rules.status_code == 200, rules.text
    policy = await running.crm.put(f"{survey}/asking", json={"version": 0, "consent": None})
    assert policy.status_code == 200, policy.text
    body = {"customer": "user_id:u-1", "channel": "link", "locale": "vi", "staff_id": "shipper-7"}
    asked = await running.crm.post(f"{survey}/invitations", json=body)
    assert asked.status_code == 201, asked.text
    surveys = running.platform.value("surveys")
    async with surveys.db.write() as tx:
        await surveys.invitations.mark_delivered(tx, UUID(asked.json()["invitation_id"]), datetime.now(UTC))
    assert await replace(surveys.invitations, clock=InAMonth()).expire() == 1


class InAMonth:
    """A clock that is ahead."""

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=31)


async def a_mirror(running: Running, survey: str) -> None:
    """Five of the staff say what they think that customers say."""
    days = {"period_from": "2026-11-01", "period_to": "2026-11-30"}
    closes_at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    wave = await running.crm.post(
        "/v1/mirror-waves",
        json={"survey_id": survey.rpartition("/")[2], "name": PERSONAL[1], **days, "closes_at": closes_at},
    )
    assert wave.status_code == 201, wave.text
    mirror = f"/v1/mirror-waves/{wave.json()['id']}"
    links = await running.crm.post(f"{mirror}/links", json={"role": "manager", "count": 5})
    scores = [{"question_id": "csat", "score": 5}, {"question_id": "ces", "score": 7}]
    for token in links.json()["tokens"]:
        taken = await running.crm.post(f"{mirror}/answers", json={"token": token, "scores": scores})
        assert taken.status_code == 201, taken.text
    closed = await running.crm.post(f"{mirror}/close")
    assert closed.status_code == 200, closed.text


async def a_figure(running: Running) -> None:
    """How content customers are is told, once it is known."""
    await running.settled()
    assert await running.platform.value("metrics").telling.tell() >= 1


async def an_outlook(running: Running) -> None:
    """What customers will probably do is told, once there is a model of it."""
    metrics = running.platform.value("metrics")
    found = Parameters(
        parameters=(0.5, 60.0, 0.9, 2.5), standard_errors=None, covariance=None, log_likelihood=0, steps=1, problem=None
    )
    async with metrics.value.db.write() as tx:
        for currency in (await tx.execute("SELECT DISTINCT currency FROM histories")).scalars().all():
            fit = Fitted(
                currency=currency,
                day=20_000,
                mark=(1, 0, 0),
                repeaters=0,
                models={"mbg_nbd": found},
                spending=found.model_copy(update={"parameters": (6.0, 4.0, 15.0)}),
                trial=None,
                chosen="mbg_nbd",
                reasons=(),
                error=None,
                mean_minor=1_000.0,
                independence=None,
            )
            await sums.add(tx, uuid7(), datetime.now(UTC), fit)
    await metrics.outlooks.look()
    (persona,) = (await running.crm.get("/v1/personas")).json()["items"]
    await running.crm.post(f"/v1/segments/{persona['segment']['id']}/members", json={"add": ["user_id:u-1"]})
    await running.settled()
    assert await metrics.segments.tell() == 1


async def an_alarm(running: Running) -> None:
    """A figure has changed, and then nobody watches it any more."""
    metrics = running.platform.value("metrics")
    watch = (await metrics.alarms.watched())[0].watch
    level = {"first": 20_000, "last": 20_001, "n": 9.0, "value": 41.5, "low": 40.0, "high": 43.0}
    evidence = {"definition": "nps.v1", "unit": "points", "before": level, "since": level}
    saying = Saying(watch, "worse", datetime.now(UTC), 20_003)
    alarm, told = saying.of(Change("raised", None, Dates(20_000, 19_999, 20_001, 20_002, None, None)), None, evidence)
    async with metrics.alarms.db.write() as tx:
        await alarms.put(tx, alarm)
        tx.emit(told)
    gone = await running.crm.delete(f"/v1/metrics/alarm-watches/{watch.id}")
    assert gone.status_code == 204, gone.text


async def everything(running: Running) -> None:
    """Whatever makes any service say something; the upgrade tests keep what becomes of it, too."""
    answer = (await running.shop.post("/v1/batch", json={"batch": a_day()})).json()
    assert [each["code"] for each in answer["rejected"]] == ["impossible_amount"]
    await running.settled()
    await running.crm.post("/v1/customers", json={"user_id": "u-2", "traits": {"email": PERSONAL[0]}})
    merged = await running.crm.post(
        "/v1/customers/user_id:u-2/merge", json={"into": "user_id:u-1", "reason": "the same card"}
    )
    assert merged.status_code == 200, merged.text
    unmerged = await running.crm.post("/v1/customers/user_id:u-2/unmerge", json={"reason": "two people"})
    assert unmerged.status_code == 200, unmerged.text
    await a_marketing_day(running)
    await some_points(running)
    await a_tier(running)
    await a_reward(running)
    await a_flash_sale(running)
    await a_flash_lottery(running)
    await a_referral(running)
    await a_household(running)
    await some_books(running)
    survey = await a_survey(running)
    await an_answer(running, survey)
    await a_case(running, survey)
    await an_invitation(running, survey)
    await a_mirror(running, survey)
    await a_request(running)
    await a_voucher(running)
    await a_checkout(running)
    await a_figure(running)
    await an_outlook(running)
    await an_alarm(running)
    await an_achievement(running)
    await running.settled()


async def test_every_record_fits_its_schema_and_none_tells_who_a_customer_is(running: Running):
    await everything(running)

    published = {event.event_type: event.topic for service in SERVICES for event in service.publishes}
    seen = set()
    for record in await records(running.platform.bus):
        document = json.loads(record.value)
        kind = document["type"]
        schema = json.loads((FOLDER / "events" / f"{kind}.schema.json").read_bytes())
        Draft202012Validator(schema, format_checker=CHECKER).validate(document)
        assert record.key == UUID(document["subject"]).bytes, kind
        assert published[kind].name == record.partition.topic
        if not published[kind].personal:
            told = [word for word in PERSONAL if word in json.dumps(document, ensure_ascii=False)]
            assert told == [], kind
        seen.add(kind)
    assert seen == set(published), "an event of the catalogue was never sent"
