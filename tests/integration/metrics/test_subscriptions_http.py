"""Subscriptions as a CX owner, a CRM and Prometheus read them, facts coming over the bus."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import pytest
from metrics_world import HandClock, merged
from subscription_world import changed, ended, on, refused, renewed, started

from services.metrics.app import service as manifest
from services.metrics.service import PROJECTION
from shared.bus.base import OutRecord
from shared.events.envelope import Event, encode
from shared.runtime.progress import digest, empty_projection
from shared.testing.platform import Running, running_platform

TODAY = date(2026, 11, 21)
REFUSED = {
    "churn?to=2026-11-22": (422, "metrics.in_the_future"),
    "churn?from=2026-11-20&to=2026-11-19": (422, "metrics.bad_range"),
    "churn?from=2001-01-01": (422, "metrics.bad_range"),
    "churn?currency=DONG": (422, "metrics.unknown_currency"),
    "mrr?as_of=tomorrow": (422, "invalid"),
    "movements?period=day&from=2022-01-01": (422, "metrics.bad_range"),
    "movements?period=year": (422, "invalid"),
    "cohorts?months=0": (422, "invalid"),
    "value?annual_discount=2": (422, "invalid"),
    "nothing": (404, "not_found"),
}


@pytest.fixture
async def running(database_url: str) -> AsyncIterator[Running]:
    async with running_platform(database_url, (manifest,), clock=HandClock()) as platform:
        yield platform


async def publish(running: Running, *events: Event[Any]) -> None:
    records = [OutRecord(event.data.topic.name, event.subject.bytes, encode(event)) for event in events]
    await running.platform.bus.append(records)
    await running.settled()


async def get(running: Running, path: str) -> Any:
    answer = await running.crm.get(f"/v1/metrics/subscriptions/{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def ago(days: int) -> Any:
    return on(TODAY - timedelta(days=days))


def a_season() -> list[Event[Any]]:
    """Boxes in dong by the month and by the year, and one plan in dollars; some go, one will, one does not pay."""
    boxes = {"price_minor": 300_000, "interval": "tháng", "currency": "VND"}
    events = [started(f"box-{number}", f"c-{number}", ago(100), None, **boxes) for number in range(10)]
    yearly = {"price_minor": 1_000_000, "interval": "year", "quantity": 2, "currency": "VND"}
    return [
        *events,
        started("year", "c-year", ago(90), None, **yearly),
        started("pro", "c-pro", ago(60), 1_999),
        renewed("box-0", "c-0", ago(70)),
        changed("box-1", "c-1", ago(20), price_minor=450_000, interval="month", currency="VND"),
        ended("box-2", "c-2", ago(15), is_voluntary=True),
        ended("box-3", "c-3", ago(10), ends_at=ago(-5), is_voluntary=True),
        refused("box-4", "c-4", ago(45)),
        started("box-5b", "c-5", ago(5), None, **boxes),
    ]


async def test_nobody_subscribes(running: Running):
    churn, mrr, value = [await get(running, each) for each in ("churn", "mrr", "value")]
    cohorts, movements = await get(running, "cohorts"), await get(running, "movements")

    assert churn["customers"]["churn_standard"]["value"] is None
    assert [each["code"] for each in churn["reasons"]] == ["nobody_at_start"]
    assert [each["code"] for each in mrr["revenue"]["reasons"]] == ["no_subscriptions"]
    assert (mrr["customers"]["subscribers"]["value"], mrr["revenue"]["total"]) == (0, None)
    assert [each["code"] for each in value["reasons"]] == ["no_subscriptions"]
    assert (cohorts["cohorts"], len(movements["periods"])) == ([], 13)
    answers = {path: await running.crm.get(f"/v1/metrics/subscriptions/{path}") for path in REFUSED}
    assert {path: (answer.status_code, answer.json()["code"]) for path, answer in answers.items()} == REFUSED
    _, reader = await running.platform.keyring.create("secret", "reader", scopes=("metrics:read",))
    headers = {"Authorization": f"Bearer {reader}"}
    for path in ("policy", "rates/USD/VND/2026-01-01"):
        assert (await running.crm.put(f"/v1/metrics/subscriptions/{path}", json={}, headers=headers)).status_code == 403
    assert (await running.shop.get("/v1/metrics/subscriptions/mrr")).status_code == 403


async def test_subscriptions_over_http(running: Running):
    await publish(running, *a_season())

    mrr = await get(running, "mrr")
    assert mrr["policy"]["recognition"] == "at_period_end"
    assert mrr["customers"]["subscribers"]["value"] == 10
    dong = mrr["revenue"]["by_currency"]["VND"]
    # 2 × 1,000,000 a year are 166,667 a month; c-2 and c-4 are gone, c-3 still has five days.
    assert dong["mrr"]["value"] == str(7 * 300_000 + 450_000 + 300_000 + 166_667)
    assert mrr["revenue"]["by_currency"]["USD"]["mrr"]["value"] == "19.99"
    assert mrr["revenue"]["total"] is None
    assert [(each["code"], each["currency"]) for each in mrr["revenue"]["reasons"]] == [("no_currency", None)]

    churn = (await get(running, "churn"))["customers"]
    standard = churn["churn_standard"]
    assert (standard["numerator"], standard["denominator"], standard["definition"]) == (2, 12, "churn_standard.v1")
    assert standard["interval"]["method"] == "wilson"
    causes = (await get(running, "churn"))["by_cause"]
    assert [causes[each]["numerator"] for each in ("voluntary", "involuntary", "unstated")] == [1, 1, 0]

    lines = (await running.crm.get("/metrics")).text.splitlines()
    gauges = dict(line.rsplit(" ", 1) for line in lines if line.startswith("tam_metrics_"))
    assert float(gauges['tam_metrics_mrr{currency="USD"}']) == 19.99
    assert float(gauges["tam_metrics_subscriber_churn_ratio"]) == pytest.approx(standard["value"])
    assert [float(gauges[f"tam_metrics_{name}"]) for name in ("subscribers", "churned_subscribers")] == [10, 2]

    await with_rates(running)
    await with_another_policy(running)
    await a_replay_gives_the_same(running)


async def with_rates(running: Running) -> None:
    """A firm enters rates: all is brought into one currency, and a new rate is no growth."""
    for day, rate in (("2026-09-01", "25000"), ("2026-11-01", "26000")):
        path = f"/v1/metrics/subscriptions/rates/USD/VND/{day}"
        put = await running.crm.put(path, json={"rate": rate}, headers={"Idempotency-Key": day})
        again = await running.crm.put(path, json={"rate": rate}, headers={"Idempotency-Key": day})
        assert (put.status_code, again.headers["idempotent-replayed"]) == (200, "true"), put.text

    months = (await get(running, "movements?currency=VND&from=2026-08-01"))["periods"]

    total = [{name: int(each["value"]) for name, each in month["revenue"]["total"].items()} for month in months]
    for month in total:
        parts = sum(each for name, each in month.items() if name not in ("mrr_start", "mrr_end"))
        assert month["mrr_start"] + parts == month["mrr_end"]
    assert [each["mrr_end"] for each in total[:-1]] == [each["mrr_start"] for each in total[1:]]
    assert total[-1]["mrr_fx"] == 19_990
    assert (total[-1]["mrr_expansion"], total[-1]["mrr_contraction"]) == (450_000, 0)
    assert [each["is_complete"] for each in months] == [True, True, True, False]
    listed = (await get(running, "rates"))["items"]
    assert [(each["day"], each["rate"]) for each in listed] == [("2026-09-01", "25000"), ("2026-11-01", "26000")]


async def with_another_policy(running: Running) -> None:
    """A cancellation counts as soon as it is asked for: of all history, at once."""
    wanted = {"recognition": "at_request", "dunning_days": None}
    path = "/v1/metrics/subscriptions/policy"
    put = await running.crm.put(path, json=wanted, headers={"Idempotency-Key": "p"})
    again = await running.crm.put(path, json=wanted, headers={"Idempotency-Key": "p"})
    same = await running.crm.put(path, json=wanted)

    assert [each.status_code for each in (put, again, same)] == [200, 200, 200], put.text
    assert (put.json()["version"], again.headers["idempotent-replayed"], same.json()["version"]) == (2, "true", 2)
    found = await get(running, "churn")
    # c-3 left when it was asked for; c-4, who does not pay, is still there.
    assert (found["policy"]["version"], found["by_cause"]["voluntary"]["numerator"]) == (2, 2)
    assert (await get(running, "mrr"))["customers"]["subscribers"]["value"] == 10
    policies = await get(running, "policy")
    assert [each["version"] for each in (policies["current"], *policies["earlier"])] == [2, 1]
    bad = await running.crm.put(path, json={"recognition": "after_grace"})
    assert (bad.status_code, bad.json()["code"]) == (422, "metrics.bad_subscription_policy")


async def a_replay_gives_the_same(running: Running) -> None:
    """Rebuilt from the log, the rows are the same: by the policy that holds now."""
    await publish(running, merged("c-5", "c-6", 1))
    db = running.platform.units["metrics"].db
    before = await digest(db, PROJECTION.tables)
    await empty_projection(db, PROJECTION)
    await running.settled()
    assert await digest(db, PROJECTION.tables) == before
