"""The score card as an executive reads it, from what shops, customers, staff and the loyalty programme send."""

from collections.abc import AsyncIterator, Iterator
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from metrics_world import NOW, HandClock, fact, placed, refunded
from satisfaction_world import answered, entered, persona, published, segment
from test_scorecard_facts import closed, opened, points

from services.metrics.app import service as metrics
from shared.bus.base import OutRecord
from shared.events.catalogue.touchpoints import SubscriptionStarted
from shared.events.envelope import Event, encode
from shared.testing.platform import Running, running_platform

CARD = "/v1/metrics/scorecard"
VIP = str(segment("vip"))


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def running(database_url: str, clock: HandClock) -> AsyncIterator[Running]:
    async with running_platform(database_url, (metrics,), clock=clock, currency="VND") as platform:
        yield platform


def ago(days: int) -> datetime:
    return NOW - timedelta(days=days)


def a_shop() -> list[Event[Any]]:
    """Two periods of 90 days: more customers in the second, dearer orders, worse deliveries, a loyalty programme."""
    facts = [published("s", ("nps", "nps", 0, 10), ("csat", "csat", 1, 5))]
    facts += [placed(f"a{number}", f"u-{number}", ago(120 + number), 100_000, "VND") for number in range(8)]
    facts += [placed(f"b{number}", f"u-{number}", ago(20 + number), 150_001, "VND") for number in range(4, 14)]
    facts += [placed("b4-2", "u-4", ago(3), 70_000, "VND"), refunded("b5", "u-5", ago(2), 50_000)]
    for number in range(30):
        place = {"touchpoint": "delivery" if number % 3 == 0 else "support"}
        facts.append(answered(f"r{number}", f"c-{number}", ago(100 + number % 9), places=place, nps=10, csat=5))
        score = 3 if number % 3 == 0 else 9
        facts.append(answered(f"q{number}", f"d-{number}", ago(10 + number % 9), places=place, nps=score, csat=4))
    facts += [entered("vip", f"d-{number}") for number in range(0, 30, 3)] + [entered("vip", "u-4")]
    facts.append(persona("chi-lan", "vip"))
    for who, price in (("u-4", 99_000), ("u-7", 49_000)):
        of = {"subscription_id": f"s-{who}", "price_minor": price, "interval": "month", "currency": "VND"}
        facts.append(fact(SubscriptionStarted(**of, source="web"), who, ago(40)))
    facts += [points("earned", "u-4", 1, 500, ago(100)), points("earned", "u-4", 2, 300, ago(5))]
    facts += [points("spent", "u-4", 3, 120, ago(4)), points("earned", "u-5", 1, 200, ago(6))]
    facts += [opened("k1", "u-4", ago(30), ago(28)), opened("k2", "u-5", ago(110), ago(108))]
    facts += [closed("k2", "u-5", 2, ago(60)), opened("k3", "u-6", ago(1), NOW + timedelta(days=2))]
    return facts


async def publish(running: Running, events: list[Event[Any]]) -> None:
    records = [OutRecord(event.data.topic.name, event.subject.bytes, encode(event)) for event in events]
    await running.platform.bus.append(records)
    await running.settled()


async def get(running: Running, path: str = CARD, **parameters: Any) -> Any:
    answer = await running.crm.get(path, params=parameters or None)
    assert answer.status_code == 200, answer.text
    return answer.json()


def by_key(lines: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {line["key"]: line for line in lines}


async def test_a_shop_on_one_page(running: Running, clock: HandClock):
    """One platform for all of it: to fill one takes longer than to look at it."""
    await publish(running, a_shop())
    # What the clock kept while facts came in is an hour old.
    clock.time += timedelta(hours=2)
    await running.platform.value("metrics").keeping.keep()
    await the_past_is_counted_by_what_is_known_now(running)
    await what_changed_sums_to_the_change_exactly(running)
    await the_card_of_a_shop(running)
    await the_page_is_for_people(running)
    await every_answer_explains_itself(running)


async def test_a_shop_without_anything(running: Running):
    await an_empty_shop_says_why_not(running)
    await targets_keep_their_history(running)
    await what_makes_no_sense_is_refused(running)


ANSWERS = (
    "scorecard",
    "summary",
    "customers/user_id:u-4",
    "customers/user_id:u-4/prediction",
    "series/lapse_rate",
    "nps?by=touchpoint&compare_from=2026-05-01&compare_to=2026-08-01",
    "csat/series",
    "ces",
    "delivery-gap",
    "promises?from=2026-11-01&to=2026-11-21",
    "earned-growth?from=2026-09-01&to=2026-11-21",
    "clv",
    "lapse-window",
    "lapse-by-segment",
    "lifecycle",
    "cohorts",
    "repeat-purchases",
    "rfm",
    "subscriptions/churn",
    "subscriptions/mrr",
    "subscriptions/movements",
    "subscriptions/cohorts",
    "subscriptions/value",
    "alarms",
)


def figures_in(document: Any) -> Iterator[dict[str, Any]]:
    if isinstance(document, dict):
        if "definition" in document and {"value", "gap", "predicted", "change", "survival", "share"} & document.keys():
            yield document
        document = list(document.values())
    if isinstance(document, list):
        for each in document:
            yield from figures_in(each)


async def every_answer_explains_itself(running: Running) -> None:
    known = {each["id"] for each in (await get(running, "/v1/metrics/definitions"))["definitions"].values()}
    seen: set[str] = set()
    for path in ANSWERS:
        for figure in figures_in(await get(running, f"/v1/metrics/{path}")):
            assert {"numerator", "denominator", "parameters", "staleness_seconds"} <= figure.keys(), (path, figure)
            assert (bool(figure["as_of"]), figure["time_zone"]) == (True, "Asia/Ho_Chi_Minh"), (path, figure)
            seen.add(figure["definition"])
    assert seen - known == set()
    assert len(seen) > 40


async def the_card_of_a_shop(running: Running) -> None:
    aim = {"value": 50, "owner": "Chị Lan", "due": "2026-12-31"}
    put = await running.crm.put(f"{CARD}/targets/nps", json=aim, headers={"Idempotency-Key": "k"})
    again = await running.crm.put(f"{CARD}/targets/nps", json=aim, headers={"Idempotency-Key": "k"})
    await running.crm.put(f"{CARD}/targets/complaints_open", json={**aim, "value": 2})
    await running.crm.put(f"{CARD}/targets/complaints_late", json={**aim, "value": 0})

    card = await get(running)
    lines = by_key(card["lines"])

    assert (put.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert again.json() == put.json()
    assert card["period"] == {"first": "2026-08-24", "last": "2026-11-21"}
    assert card["before"] == {"first": "2026-05-26", "last": "2026-08-23"}
    assert lines["revenue"]["figure"]["value"] == str(10 * 150_001 + 70_000)
    assert lines["revenue"]["trend"]["before"]["value"] == "800000"
    # Of eight, four came back and four are silent; six came new.
    silent = lines["lapse_rate"]["figure"]
    assert (silent["numerator"], silent["denominator"], silent["parameters"]["window_days"]) == (4, 14, 90)
    assert lines["lapse_rate"]["trend"]["cautions"] == ["same_people"]
    nps = lines["nps"]
    assert nps["figure"]["value"] == pytest.approx(100 * (20 - 10) / 30)
    assert nps["trend"]["difference"] == pytest.approx(100 * 10 / 30 - 100)
    assert (nps["trend"]["is_significant"], nps["trend"]["verdict"]) == (True, "worse")
    assert (nps["light"], nps["target"]["owner"], nps["target"]["version"]) == ("cannot_say", "Chị Lan", 1)
    assert nps["figure"]["interval"]["low"] < 50 < nps["figure"]["interval"]["high"]
    assert (lines["active_members"]["figure"]["value"], lines["points_earned"]["figure"]["value"]) == (2, 500)
    assert lines["redemption_rate"]["figure"]["value"] == 120 / 500
    assert (lines["complaints_open"]["figure"]["value"], lines["complaints_open"]["light"]) == (2, "met")
    assert (lines["complaints_late"]["figure"]["value"], lines["complaints_late"]["light"]) == (1, "missed")
    assert lines["complaints_open"]["trend"]["before"]["value"] == 1
    assert lines["ces"]["cannot_say"]["code"] == "no_data"
    assert lines["predicted_clv"]["cannot_say"]["code"] == "no_model"
    growth = lines["earned_growth_rate"]["figure"]
    assert growth["interval"]["method"] == "known_bounds"
    (vip,) = card["segments"]
    assert (vip["segment"], vip["personas"]) == (VIP, ["chi-lan"])
    assert by_key(vip["lines"])["nps"]["figure"]["value"] == -100
    assert by_key(vip["lines"])["complaints_open"]["figure"]["value"] == 1
    # Of its members one buys: what they paid, and how much of the growth came back.
    paid = by_key(vip["lines"])["revenue"]
    assert (paid["figure"]["value"], paid["figure"]["definition"]) == (str(150_001 + 70_000), "period_revenue.v1")
    assert (paid["trend"]["before"]["value"], paid["trend"]["verdict"]) == ("100000", "better")
    earned = by_key(vip["lines"])["earned_growth_rate"]
    assert earned["figure"]["interval"]["method"] == "known_bounds"
    assert earned["figure"]["value"] == pytest.approx(1.20001)
    monthly = by_key(vip["lines"])["mrr"]
    assert (monthly["figure"]["value"], monthly["trend"]["before"]["value"]) == ("99000", "0")
    assert lines["mrr"]["figure"]["value"] == str(99_000 + 49_000)
    assert by_key(vip["lines"])["lapse_rate"]["figure"]["denominator"] == 1


async def what_changed_sums_to_the_change_exactly(running: Running) -> None:
    card = await get(running)

    found = {each["key"]: each for each in card["what_changed"]}
    lines = by_key(card["lines"])
    said = [each for each in found.values() if each["exact_change"] is not None]
    assert {each["key"] for each in said} >= {
        "revenue",
        "lapse_rate",
        "historical_clv",
        "nps",
        "csat",
        "complaints_open",
    }
    for each in said:
        assert sum(Fraction(part["exact"]) for part in each["parts"]) == Fraction(each["exact_change"]), each["key"]
    assert sum(Fraction(part["amount"]) for part in found["revenue"]["parts"]) == Fraction(found["revenue"]["change"])
    assert found["revenue"]["change"] == str(10 * 150_001 + 70_000 - 800_000)
    assert Fraction(found["nps"]["exact_change"]) == Fraction(100 * 10, 30) - 100
    assert found["nps"]["parts"][0]["name"] == "delivery"
    assert found["nps"]["parts"][0]["effect"] == "rate"
    assert float(Fraction(found["lapse_rate"]["exact_change"])) == pytest.approx(
        lines["lapse_rate"]["trend"]["difference"]
    )
    parts = {part["name"]: Fraction(part["exact"]) for part in found["complaints_open"]["parts"]}
    assert parts == {"opened": 2, "closed": -1}
    assert found["ces"]["cannot_say"]["code"] == "empty_period"


async def an_empty_shop_says_why_not(running: Running) -> None:
    card = await get(running)

    why = {line["key"]: line["cannot_say"]["code"] for line in card["lines"] if line["figure"]["value"] is None}
    assert why.items() >= {"nps": "no_data", "lapse_rate": "no_data", "active_members": "no_data"}.items()
    assert set(why.values()) <= {"no_data", "not_computed_yet", "no_model", "no_base"}
    assert by_key(card["lines"])["complaints_open"]["figure"]["value"] == 0
    assert card["segments"] == []
    assert "NaN" not in str(card)


async def the_page_is_for_people(running: Running) -> None:
    wicked = {"value": 50, "owner": "<script>alert('Lan')</script>", "due": "2026-12-31"}
    await running.crm.put(f"{CARD}/targets/nps", json=wicked)

    answer = await running.crm.get(f"{CARD}/page", params={"language": "vi"})
    english = (await running.crm.get(f"{CARD}/page")).text

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert '<html lang="vi">' in answer.text
    assert "Tỷ lệ rời bỏ" in answer.text
    assert "1.570.010 VND" in answer.text
    assert "<script" not in answer.text
    assert "&lt;script&gt;" in answer.text
    assert "1,570,010 VND" in english
    assert english.count("<h1>") == 1
    assert 'scope="row"' in english


async def targets_keep_their_history(running: Running) -> None:
    aim = {"value": 0.2, "owner": "Anh Minh", "due": "2026-12-31"}
    for value in (0.3, 0.2):
        await running.crm.put(f"{CARD}/targets/lapse_rate", json={**aim, "value": value})
    removed = await running.crm.delete(f"{CARD}/targets/lapse_rate")
    twice = await running.crm.delete(f"{CARD}/targets/lapse_rate")

    history = (await get(running, f"{CARD}/targets/lapse_rate/history"))["items"]

    assert (removed.status_code, twice.status_code, twice.json()["code"]) == (204, 404, "metrics.no_card_target")
    assert [(each["version"], each["value"]) for each in history] == [(3, None), (2, 0.2), (1, 0.3)]
    assert all(each["entered_by"] and each["entered_at"] for each in history)
    assert (await get(running, f"{CARD}/targets"))["items"] == []


AIM = {"value": 1, "owner": "Lan", "due": "2026-12-31"}
BAD_TARGETS: dict[str, tuple[str, dict[str, Any], tuple[int, str]]] = {
    "no such figure": ("happiness", AIM, (404, "metrics.unknown_card_figure")),
    "no owner": ("nps", {"value": 1, "due": "2026-12-31"}, (422, "invalid")),
    "an empty owner": ("nps", {**AIM, "owner": ""}, (422, "invalid")),
    "an owner with NUL": ("nps", {**AIM, "owner": "a\x00b"}, (422, "invalid")),
    "no day": ("nps", {**AIM, "due": "31/12/2026"}, (422, "invalid")),
    "not a number": ("nps", {**AIM, "value": "many"}, (422, "invalid")),
    "out of the scale": ("nps", {**AIM, "value": 101}, (422, "metrics.target_out_of_range")),
    "more than all": ("lapse_rate", {**AIM, "value": 1.1}, (422, "metrics.target_out_of_range")),
    "by segment": ("historical_clv", {**AIM, "currency": "VND", "segment": VIP}, (422, "metrics.not_by_segment")),
    "money without currency": ("historical_clv", AIM, (422, "metrics.target_currency")),
    "a currency without money": ("nps", {**AIM, "currency": "VND"}, (422, "metrics.target_currency")),
    "no currency at all": ("historical_clv", {**AIM, "currency": "DONG"}, (422, "invalid")),
    "an unknown field": ("nps", {**AIM, "boss": "x"}, (422, "invalid")),
}
BAD_CARDS = {
    "?days=45": (422, "invalid"),
    "?as_of=2027-01-01": (422, "metrics.in_the_future"),
    "?as_of=1700000000": (422, "invalid"),
    "?currency=EURO": (422, "metrics.unknown_currency"),
    "/page?language=fr": (422, "invalid"),
    "/targets/joy/history": (404, "metrics.unknown_card_figure"),
}


async def what_makes_no_sense_is_refused(running: Running) -> None:
    targets = {
        name: await running.crm.put(f"{CARD}/targets/{figure}", json=body)
        for name, (figure, body, _) in BAD_TARGETS.items()
    }
    cards = {path: await running.crm.get(CARD + path) for path in BAD_CARDS}

    found = {name: (each.status_code, each.json()["code"]) for name, each in targets.items()}
    assert found == {name: expected for name, (_, _, expected) in BAD_TARGETS.items()}
    assert {path: (each.status_code, each.json()["code"]) for path, each in cards.items()} == BAD_CARDS


async def the_past_is_counted_by_what_is_known_now(running: Running) -> None:

    then = by_key((await get(running, as_of=str(date(2026, 8, 23))))["lines"])
    now = by_key((await get(running))["lines"])

    for key in ("revenue", "lapse_rate", "nps", "points_earned", "complaints_open", "active_members"):
        assert then[key]["figure"]["value"] == now[key]["trend"]["before"]["value"], key
