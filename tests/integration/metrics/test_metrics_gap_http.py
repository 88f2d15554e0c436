"""Delivery gap, promises and earned growth as an executive reads them, from what staff, customers and shops send."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from metrics_world import NOW, HandClock, placed

from services.metrics.app import service as metrics
from services.surveys.app import service as surveys
from services.surveys.definitions.domain.library import ready
from services.touchpoints.app import service as touchpoints
from shared.bus.base import OutRecord
from shared.events.catalogue.loyalty import ReferralCompleted
from shared.events.envelope import Event, encode
from shared.ids import derived_id, user_key, uuid7
from shared.testing.platform import Running, running_platform

NOVEMBER = {"period_from": "2026-11-01", "period_to": "2026-11-30"}


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def running(database_url: str, clock: HandClock) -> AsyncIterator[Running]:
    async with running_platform(database_url, (touchpoints, surveys, metrics), clock=clock) as platform:
        yield platform


async def post(running: Running, path: str, body: Any = None) -> Any:
    answer = await running.crm.post(path, json=body)
    assert answer.is_success, answer.text
    return answer.json()


async def get(running: Running, path: str, **parameters: Any) -> Any:
    answer = await running.crm.get(path, params={name.rstrip("_"): value for name, value in parameters.items()})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def a_survey(running: Running, library: str) -> str:
    """A ready survey that takes answers."""
    survey: str = (await post(running, "/v1/surveys", {"library": library}))["id"]
    await post(running, f"/v1/surveys/{survey}/publish", {"note": "first"})
    return survey


async def publish(running: Running, *events: Event[Any]) -> None:
    records = [OutRecord(event.data.topic.name, event.subject.bytes, encode(event)) for event in events]
    await running.platform.bus.append(records)


async def test_from_staff_and_customers_to_the_gap(running: Running, clock: HandClock):
    survey = await a_survey(running, "after_delivery")
    closes_at = (NOW + timedelta(days=1)).isoformat()
    wave = await post(
        running, "/v1/mirror-waves", {"survey_id": survey, "name": "Tháng 11", **NOVEMBER, "closes_at": closes_at}
    )
    mirror = f"/v1/mirror-waves/{wave['id']}"
    links = await post(running, f"{mirror}/links", {"role": "manager", "count": 5})
    scores = [{"question_id": "csat", "score": 5}, {"question_id": "ces", "score": 7}]
    for token in links["tokens"]:
        await post(running, f"{mirror}/answers", {"token": token, "scores": scores})
    again = await running.crm.post(f"{mirror}/answers", json={"token": links["tokens"][0], "scores": scores})
    for number in range(4):
        said = {"csat": {"score": 5 if number == 0 else 2}, "ces": {"score": 3}}
        await post(running, "/v1/responses", {"survey_id": survey, "customer": f"user_id:u-{number}", "answers": said})
    await running.settled()
    before = await running.crm.get("/v1/metrics/delivery-gap", params={"wave": wave["id"]})

    clock.time = NOW + timedelta(days=2)
    assert await running.platform.value("surveys").mirror_waves.close_due() == 1
    await running.settled()
    after = await get(running, "/v1/metrics/delivery-gap", wave=wave["id"])
    listed = await get(running, "/v1/metrics/delivery-gap", from_="2026-11-01", to="2026-11-30")
    elsewhere = await get(running, "/v1/metrics/delivery-gap", from_="2026-12-01")
    scraped = (await running.crm.get("/metrics")).text

    assert (again.status_code, again.json()["code"]) == (404, "surveys.bad_mirror_link")
    assert (before.status_code, before.json()["code"]) == (404, "metrics.wave_unknown")
    (shown,) = after["waves"]
    assert (shown["touchpoint"], shown["is_unbiased"], shown["answered"]) == ("order_delivered", True, 5)
    assert shown["customers_before_close"] == 4
    csat = next(each for each in shown["questions"] if each["question_id"] == "csat")
    assert (csat["internal"]["share"], csat["internal"]["n"]) == (1.0, 5)
    assert (csat["customers"]["share"], csat["customers"]["n"]) == (0.25, 4)
    assert (csat["gap"]["points"], csat["gap"]["interval"]["method"]) == (75.0, "newcombe")
    assert [(role["role"], role["internal"]["n"]) for role in csat["roles"]] == [("manager", 5)]
    assert csat["bain"] == {"believer_at": 0.8, "achiever_at": 0.8, "is_believer": True, "is_achiever": False}
    assert [each["kind"] for each in shown["promises"]] == ["delivery"]
    assert after["staleness_seconds"] is not None
    assert listed["waves"] == after["waves"]
    assert elsewhere["waves"] == []
    gauge = 'tam_metrics_delivery_gap_points{question="csat",touchpoint="order_delivered"} 75.0'
    assert gauge in scraped


async def test_a_shop_s_promises_are_kept_or_not(running: Running):
    def track(event: str, order: str, at: datetime, **properties: Any) -> dict[str, Any]:
        said = {"order_id": order, "note": "Chị Lan chờ ở cổng", **properties}
        return {"type": "track", "event": event, "userId": "u-1", "timestamp": at.isoformat(), "properties": said}

    due, ordered = NOW - timedelta(days=2), NOW - timedelta(days=5)
    batch = [
        track("order_delivered", "o-1", due - timedelta(hours=1)),
        track("Order Completed", "o-1", ordered, total=90_000, currency="VND", promised_at=due.isoformat()),
        track("Order Completed", "o-2", ordered, total=90_000, currency="VND", promised_at=due.isoformat()),
        track("Order Delivered", "o-2", due + timedelta(hours=5)),
    ]
    sent = await running.shop.post("/v1/batch", json={"batch": batch})
    assert sent.status_code == 200, sent.text
    await running.settled()

    found = await get(running, "/v1/metrics/promises", from_="2026-11-01", to="2026-11-30")

    delivery = found["promises"][0]
    assert (delivery["kind"], delivery["definition"]) == ("delivery", "promise_kept.v1")
    assert (delivery["share"], delivery["kept"], delivery["due"], delivery["late"]) == (0.5, 1, 2, 1)
    assert delivery["median_late_seconds"]["value"] == 5 * 3600
    assert delivery["interval"]["low"] < 0.5 < delivery["interval"]["high"]


async def test_earned_growth_explains_itself(running: Running):
    survey = await a_survey(running, "why_did_you_join")
    questions = ready("why_did_you_join")["survey"]["questions"]
    why = next(each for each in questions if each["kind"] in ("single", "multiple"))
    earned = next(each["id"] for each in why["options"] if each.get("is_earned"))
    bought = next(each["id"] for each in why["options"] if not each.get("is_earned") and not each.get("is_other"))
    october, november = datetime(2026, 10, 20, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)
    referral = ReferralCompleted(
        referral_id=derived_id("r"), advocate_id=user_key("an"), campaign="tết", milestone="first_order"
    )
    await publish(
        running,
        placed("1", "an", october, 100, "VND"),
        placed("2", "an", november, 85, "VND"),
        placed("3", "binh", november, 15, "VND"),
        placed("4", "chi", november, 20, "VND"),
        placed("5", "dung", november, 10, "VND"),
        Event(uuid7(), user_key("dung"), NOW, NOW, referral),
    )
    for who, option in (("binh", earned), ("chi", bought)):
        said = {why["id"]: {"chosen": [option]}}
        await post(running, "/v1/responses", {"survey_id": survey, "customer": f"user_id:{who}", "answers": said})
    await running.settled()

    found = await get(running, "/v1/metrics/earned-growth", from_="2026-11-01", to="2026-11-20")
    definitions = (await get(running, "/v1/metrics/definitions"))["definitions"]

    assert found["before"] == {"first": "2026-10-12", "last": "2026-10-31", "days": 20}
    assert found["people"] == {"returning": 1, "earned": 2, "bought": 1, "unknown": 0, "reactivated": 0}
    growth = found["growth"]
    assert (growth["currency"], growth["revenue_before"], growth["revenue_now"]) == ("VND", "100", "130")
    rate = growth["earned_growth_rate"]["low"]
    assert rate == {
        "value": 0.1,
        "definition": definitions["earned_growth_rate"]["id"],
        "numerator": "10",
        "denominator": "100",
        "parameters": {},
        "as_of": found["as_of"],
        "time_zone": found["time_zone"],
        "staleness_seconds": found["staleness_seconds"],
        "cannot_say": None,
    }
    assert f"{growth['earned_growth_ratio']['high']['value']:.0%}" == "33%"
    assert found["staleness_seconds"] is not None


REFUSED = {
    "earned-growth": (422, "invalid"),
    "earned-growth?from=2026-11-02&to=2026-11-01": (422, "metrics.bad_range"),
    "earned-growth?from=2026-11-02&to=2026-11-03&currency=EURO": (422, "metrics.unknown_currency"),
    "earned-growth?from=2026-11-02&to=2026-11-03&before_from=2026-11-01": (422, "metrics.bad_range"),
    "promises?from=2026-11-02&to=2026-11-01": (422, "metrics.bad_range"),
    "promises?from=1764000000&to=2026-11-01": (422, "invalid"),
    "delivery-gap?wave=00000000-0000-0000-0000-000000000000": (404, "metrics.wave_unknown"),
    "delivery-gap?from=2026-11-02&to=2026-11-01": (422, "metrics.bad_range"),
    "delivery-gap?believer_at=1.2": (422, "invalid"),
}


async def test_what_cannot_be_answered_is_refused(running: Running):
    answers = {path: await running.crm.get(f"/v1/metrics/{path}") for path in REFUSED}

    assert {path: (each.status_code, each.json()["code"]) for path, each in answers.items()} == REFUSED
