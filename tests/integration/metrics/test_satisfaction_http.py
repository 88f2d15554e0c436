"""Satisfaction as a CX owner, a CRM and Prometheus read it, facts coming over the bus."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from metrics_world import NOW, HandClock, merged
from satisfaction_world import answered, delivered, entered, invited, left, persona, published, segment, survey

from services.metrics.app import service as manifest
from services.metrics.service import PROJECTION
from shared.bus.base import OutRecord
from shared.events.envelope import Event, encode
from shared.runtime.progress import digest, empty_projection
from shared.testing.platform import Running, running_platform

REFUSED = {
    "nps?to=2026-11-22": (422, "metrics.in_the_future"),
    "nps?from=2026-11-20&to=2026-11-19": (422, "metrics.bad_range"),
    "nps?compare_from=2026-01-01": (422, "metrics.bad_comparison"),
    "nps?by=shoe_size": (422, "invalid"),
    "nps?level=1": (422, "invalid"),
    "nps?survey=s": (422, "invalid"),
    "nps?persona=nobody": (422, "metrics.unknown_persona"),
    "nps?verification=none": (422, "invalid"),
    "nps?touchpoint=%00": (400, "nul_character"),
    "csat/series?from=1990-01-01&period=day": (422, "metrics.bad_range"),
    "csat/series?period=year": (422, "invalid"),
    "csat/series?staff=a&channel=b": (422, "metrics.one_dimension"),
    "happiness": (404, "not_found"),
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
    answer = await running.crm.get(f"/v1/metrics/{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def a_month() -> list[Event[Any]]:
    """Thirty were asked after a delivery, by two people; twenty answered, one of them by a click alone."""
    events = [published("delivery"), persona("me-ban-ron", "busy"), entered("busy", "c-0"), entered("busy", "c-1")]
    for number in range(30):
        who, at = f"c-{number}", NOW - timedelta(days=number)
        places = {"touchpoint": "delivery", "staff_id": "chị Lan" if number % 2 else "anh Minh"}
        events += [invited(who, who, at, "delivery", places), delivered(who, who, at, "delivery")]
        if number < 20:
            score = {"nps": (10, 9, 3, 8)[number % 4], "csat": (5, 4, 2, 3)[number % 4], "ces": 7 - number % 4}
            how: Any = "inferred" if number == 0 else "confirmed"
            said = {"invitation": who, "places": places, "verification": how}
            events.append(answered(who, who, at, "delivery", **said, **score))
    return events


async def test_a_figure_over_http(running: Running):
    await publish(running, *a_month())

    found = await get(running, "nps?by=staff&compare_from=2026-08-01&compare_to=2026-08-31")

    assert (found["days"], found["by"]) == ({"first": "2026-08-24", "last": "2026-11-21"}, "staff")
    assert (found["metric"], found["persons"], found["verification"]) == ("nps", "latest", "confirmed")
    assert (found["time_zone"], found["staleness_seconds"]) == ("Asia/Ho_Chi_Minh", 0.0)
    total = found["total"]
    assert (total["n"], total["unverified"], total["unit"], total["definition"]) == (19, 1, "points", "nps.v1")
    assert total["value"] == pytest.approx(100 * (9 - 5) / 19)
    assert total["buckets"] == {"promoters": 9, "passives": 5, "detractors": 5}
    assert total["interval"]["low"] < total["value"] < total["interval"]["high"]
    assert total["histogram"][0]["counts"] == {
        str(score): {10: 4, 9: 5, 3: 5, 8: 5}.get(score, 0) for score in range(11)
    }
    response = total["response"]
    assert (response["invited"], response["delivered"], response["responded"], response["silent"]) == (30, 30, 20, 10)
    assert response["response_rate"]["value"] == pytest.approx(2 / 3)
    assert total["if_silent"]["low"] == pytest.approx((400 - 1000) / 29)
    assert total["compared"] is None
    assert {each["group"]: each["n"] for each in found["groups"]} == {"anh Minh": 9, "chị Lan": 10}
    assert (await get(running, "nps?verification=any"))["total"]["n"] == 20
    assert (await get(running, "nps?persona=me-ban-ron&verification=any"))["total"]["n"] == 2
    assert (await get(running, f"nps?segment={segment('busy')}"))["total"]["n"] == 1
    # Two dimensions at once.
    both = await get(running, "nps?by=staff&touchpoint=delivery&channel=email")
    assert {each["group"]: each["n"] for each in both["groups"]} == {"anh Minh": 9, "chị Lan": 10}
    assert both["filters"] == {"touchpoint": "delivery", "channel": "email"}
    assert (await get(running, "csat"))["total"]["value"] == pytest.approx(100 * 9 / 19)
    assert (await get(running, "ces"))["total"]["definition"] == "ces_mean.v1"
    known = (await get(running, "definitions"))["definitions"]
    assert known["nps"]["id"] == total["definition"]
    assert "Khoảng tin cậy" in known["nps"]["vi"]
    first = await running.crm.get("/v1/metrics/nps?by=staff")
    again = await running.crm.get("/v1/metrics/nps?by=staff", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304

    await a_series(running)


async def a_series(running: Running) -> None:
    """The same through time."""
    weeks = (await get(running, "nps/series?period=week"))["points"]

    assert len(weeks) == 13
    assert [each["n"] for each in weeks[-4:]] == [0, 7, 7, 5]
    assert [(each["is_complete"], each["start"]) for each in weeks[-2:]] == [
        (True, "2026-11-09"),
        (False, "2026-11-16"),
    ]
    assert weeks[-4]["value"] is None
    assert weeks[-1]["response"] is None
    months = (await get(running, "csat/series?period=month&from=2026-10-15"))["points"]
    assert [(each["start"], each["n"]) for each in months] == [("2026-10-01", 0), ("2026-11-01", 19)]


async def test_what_a_firm_enters_itself_is_shown_beside(running: Running):
    await publish(running, *a_month())
    key = {"Idempotency-Key": "one"}
    benchmark = {"value": 31.5, "source": "Báo cáo CX Việt Nam, tr. 12", "dated": "2026-01-31"}
    target = {"value": 50, "owner": "Chị Hoa", "dated": "2026-12-31"}

    said = await running.crm.put("/v1/metrics/benchmarks/nps/bán lẻ", json=benchmark, headers=key)
    again = await running.crm.put("/v1/metrics/benchmarks/nps/bán lẻ", json=benchmark, headers=key)
    aimed = await running.crm.put("/v1/metrics/targets/nps", json=target)

    assert [said.status_code, again.status_code, aimed.status_code] == [200, 200, 200], said.text
    assert again.headers["idempotent-replayed"] == "true"
    found = await get(running, "nps")
    assert [(each["name"], each["value"], each["source"]) for each in found["benchmarks"]] == [
        ("bán lẻ", 31.5, "Báo cáo CX Việt Nam, tr. 12")
    ]
    assert [(each["value"], each["owner"], each["dated"]) for each in found["targets"]] == [
        (50, "Chị Hoa", "2026-12-31")
    ]
    assert (await get(running, "csat"))["benchmarks"] == []
    for path in ("benchmarks/nps/bán lẻ", "targets/nps"):
        assert (await running.crm.delete(f"/v1/metrics/{path}")).status_code == 204
        gone = await running.crm.delete(f"/v1/metrics/{path}")
        assert (gone.status_code, gone.json()["code"]) == (404, "metrics.no_such_yardstick")
    assert (await get(running, "benchmarks"))["items"] == (await get(running, "targets"))["items"] == []
    nobodys = await running.crm.put("/v1/metrics/benchmarks/nps/x", json={"value": 10, "dated": "2026-01-31"})
    assert (nobodys.status_code, nobodys.json()["code"]) == (422, "invalid")

    await a_formula(running)


async def a_formula(running: Running) -> None:
    """How a survey makes its CES is set once."""
    path = f"/v1/metrics/ces-formulas/{survey('delivery')}"

    first = await running.crm.put(path, json={"formula": "pct_5_7"})
    same = await running.crm.put(path, json={"formula": "pct_5_7"})
    other = await running.crm.put(path, json={"formula": "mean"})
    unknown = await running.crm.put(f"/v1/metrics/ces-formulas/{survey('none')}", json={"formula": "mean"})

    assert (first.status_code, same.status_code) == (200, 200), first.text
    assert (other.status_code, other.json()["code"]) == (409, "metrics.formula_fixed")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "metrics.no_such_survey")
    assert (await get(running, "ces"))["total"]["unit"] == "percent"
    assert (await get(running, "ces-formulas"))["items"] == [first.json()]


async def test_what_cannot_be_answered_about_satisfaction_says_why(running: Running):
    answers = {path: await running.crm.get(f"/v1/metrics/{path}") for path in REFUSED}

    assert {path: (answer.status_code, answer.json()["code"]) for path, answer in answers.items()} == REFUSED
    _, reader = await running.platform.keyring.create("secret", "reader", scopes=("metrics:read",))
    headers = {"Authorization": f"Bearer {reader}"}
    for path in ("benchmarks/nps/x", "targets/nps", f"ces-formulas/{survey('s')}"):
        assert (await running.crm.put(f"/v1/metrics/{path}", json={}, headers=headers)).status_code == 403
    assert (await running.shop.get("/v1/metrics/nps")).status_code == 403


async def test_prometheus_sees_the_same_figures(running: Running):
    await publish(running, *a_month())
    found = await get(running, "nps")

    lines = (await running.crm.get("/metrics")).text.splitlines()

    gauges = dict(line.rsplit(" ", 1) for line in lines if line.startswith("tam_metrics_"))
    assert float(gauges["tam_metrics_nps_points"]) == pytest.approx(found["total"]["value"])
    assert float(gauges['tam_metrics_ces{formula="mean"}']) == pytest.approx(
        (await get(running, "ces"))["total"]["value"]
    )
    assert float(gauges['tam_metrics_satisfaction_answers{metric="csat"}']) == 19
    assert float(gauges['tam_metrics_survey_response_ratio{metric="nps"}']) == pytest.approx(2 / 3)
    assert float(gauges["tam_metrics_open_cases"]) == 0


async def test_a_replay_of_answers_ends_in_the_same_rows(running: Running):
    await publish(running, *a_month(), merged("c-1", "c-2", 1), left("busy", "c-1"))
    db = running.platform.units["metrics"].db
    live = await digest(db, PROJECTION.tables)

    await empty_projection(db, PROJECTION)
    await running.settled()

    assert await digest(db, PROJECTION.tables) == live
    async with db.read() as tx:
        rows = (await tx.execute("SELECT count(*) FROM score_followed")).scalar_one()
    assert rows > 0
