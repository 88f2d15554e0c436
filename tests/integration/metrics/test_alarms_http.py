"""Alarms as their owner, a CRM and Prometheus meet them, facts coming over the bus."""

from collections.abc import AsyncIterator
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from alarm_world import answers, scores
from metrics_world import NOW, HandClock
from satisfaction_world import published

from services.metrics.app import service as manifest
from shared.bus.base import OutRecord
from shared.events.envelope import Event, encode
from shared.testing.platform import Running, running_platform

REFUSED = {
    "no name": ({"metric": "nps"}, "invalid"),
    "spaces for a name": ({"name": " \u3000 ", "metric": "nps"}, "invalid"),
    "spaces for an owner": ({"name": "x", "metric": "nps", "owner": "  "}, "invalid"),
    "no metric": ({"name": "x"}, "invalid"),
    "unknown metric": ({"name": "x", "metric": "happiness"}, "invalid"),
    "of a person": ({"name": "x", "metric": "nps", "dimension": "staff", "value": "chị Lan"}, "invalid"),
    "half a dimension": ({"name": "x", "metric": "nps", "dimension": "channel"}, "metrics.bad_watch"),
    "lapses of a survey": ({"name": "x", "metric": "lapse", "survey_id": str(uuid4())}, "metrics.bad_watch"),
    "window of an NPS": ({"name": "x", "metric": "nps", "window_days": 30}, "metrics.bad_watch"),
    "no segment's id": (
        {"name": "x", "metric": "nps", "dimension": "segment", "value": "busy"},
        "metrics.bad_watch",
    ),
    "a base to come": ({"name": "x", "metric": "nps", "base_from": "2026-11-30"}, "metrics.bad_watch"),
    "no number": ({"name": "x", "metric": "nps", "change": "NaN"}, "invalid"),
    "once in a million years": ({"name": "x", "metric": "nps", "arl0_days": 365_000_000}, "invalid"),
    "no change": ({"name": "x", "metric": "nps", "change": 0}, "invalid"),
    "each day": ({"name": "x", "metric": "nps", "arl0_days": 1}, "invalid"),
    "a name in use": ({"name": "CSAT", "metric": "csat"}, "metrics.watch_name_taken"),
}
DEFAULTS = ("CES", "CSAT", "Lapsed after 30 days", "Lapsed after 90 days", "NPS")


@pytest.fixture
async def running(database_url: str) -> AsyncIterator[Running]:
    async with running_platform(database_url, (manifest,), clock=HandClock()) as platform:
        yield platform


async def publish(running: Running, events: list[Event[Any]]) -> None:
    await running.platform.bus.append(
        [OutRecord(event.data.topic.name, event.subject.bytes, encode(event)) for event in events]
    )
    await running.settled()


async def get(running: Running, path: str) -> Any:
    answer = await running.crm.get(f"/v1/metrics/{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_from_answers_to_an_alarm_that_somebody_has_seen(running: Running):
    crm, metrics = running.crm, running.platform.value("metrics")
    await there_is_something_to_watch_from_the_start(running)
    await what_cannot_be_watched_is_refused(running)
    rng = Random(1)
    days = {ago: scores(rng, 0.2 if ago <= 14 else 0.6, 4) for ago in range(140, 0, -1)}
    await publish(running, [published("s"), *answers(days)])
    name = "NPS <sau> giao hàng"
    body = {"name": name, "metric": "nps", "change": 30, "direction": "worse", "owner": "Trưởng CX"}
    key = {"Idempotency-Key": "watch-1"}

    made = await crm.post("/v1/metrics/alarm-watches", json=body, headers=key)
    again = await crm.post("/v1/metrics/alarm-watches", json=body, headers=key)
    assert (made.status_code, again.json()) == (201, made.json())
    watch = f"/v1/metrics/alarm-watches/{made.json()['id']}"
    await metrics.watching.look()

    listed = await get(running, f"alarms?state=raised&watch={made.json()['id']}")
    [alarm] = listed["items"]
    evidence = alarm["evidence"]
    assert (alarm["watch"]["name"], alarm["direction"], alarm["state"]) == (name, "worse", "raised")
    assert evidence["before"]["value"] > 20 > -10 > evidence["since"]["value"]
    assert evidence["since"]["low"] < evidence["since"]["value"] < evidence["since"]["high"]
    assert evidence["basis"]["shift"] == -30
    assert evidence["basis"]["days_to_find"] < 20
    assert "2026-10-28" <= alarm["change_first"] <= alarm["change_day"] <= alarm["change_last"] <= "2026-11-16"
    assert alarm["change_first"] <= "2026-11-07" <= alarm["change_last"]
    assert len(alarm["chart"]) == 90
    assert alarm["chart"] == (await get(running, f"alarms/{alarm['id']}"))["path"][-90:]
    assert {each["name"] for each in listed["cannot_say"]} >= {"CSAT", "CES", "Lapsed after 30 days"}
    assert listed["false_alarms_a_year"] == pytest.approx(6.0, abs=0.01)

    seen = {"actor": "Trưởng CX", "note": "Kho Thủ Đức giao trễ"}
    for _ in range(2):
        said = await crm.post(f"/v1/metrics/alarms/{alarm['id']}/acknowledge", json=seen, headers=key | {"x": "y"})
        assert said.status_code == 422
    said = await crm.post(f"/v1/metrics/alarms/{alarm['id']}/acknowledge", json=seen)
    whole = await get(running, f"alarms/{alarm['id']}")
    assert (said.status_code, whole["acknowledged"]["note"]) == (200, "Kho Thủ Đức giao trễ")
    assert [each["what"] for each in whole["revisions"]] == ["raised", "acknowledged"]
    exposed = (await crm.get("/metrics")).text
    labels = f'{{direction="worse",owner="Trưởng CX",watch="{name}"}}'
    assert f"tam_alarm_raised{labels} 1.0" in exposed
    assert f"tam_alarm_acknowledged{labels} 1.0" in exposed
    assert 'tam_alarm_cannot_say{direction="worse",owner="",watch="CSAT"} 1.0' in exposed

    await the_picture_is_a_page_that_runs_nothing(running, f"{watch}/chart")
    assert (await crm.delete(watch)).status_code == 204
    assert (await crm.get(watch)).json()["code"] == "metrics.no_such_watch"
    over = await crm.post(f"/v1/metrics/alarms/{alarm['id']}/acknowledge", json=seen)
    assert (over.status_code, over.json()["code"]) == (409, "metrics.alarm_not_raised")
    [ended] = (await get(running, f"alarms?watch={made.json()['id']}"))["items"]
    assert (ended["state"], ended["cause"], ended["chart"]) == ("cleared", "watch_changed", [])
    # The default watch of the NPS has seen it as well.
    first = await get(running, "alarms?limit=1")
    second = await get(running, f"alarms?limit=1&cursor={first['next_cursor']}")
    assert {first["items"][0]["id"], second["items"][0]["id"]} >= {alarm["id"]}
    assert first["items"][0]["raised_day"] >= second["items"][0]["raised_day"]


async def there_is_something_to_watch_from_the_start(running: Running) -> None:
    """Who has entered nothing is told what is watched, and why nothing can be said yet."""
    found = (await get(running, "alarm-watches"))["items"]
    assert tuple(each["name"] for each in found) == DEFAULTS
    assert {each["missing"]["reason"] for each in found[0]["arms"]} <= {"not_looked_at_yet", "no_answers"}
    await running.platform.value("metrics").watching.look()
    one = await get(running, f"alarm-watches/{found[2]['id']}")
    assert [(arm["state"], arm["missing"]["reason"], arm["path"]) for arm in one["arms"]] == [
        ("cannot_say", "no_purchases", []),
        ("cannot_say", "no_purchases", []),
    ]
    assert (await get(running, "alarms"))["items"] == []


async def what_cannot_be_watched_is_refused(running: Running) -> None:
    """With a code that says why."""
    for name, (body, code) in REFUSED.items():
        answer = await running.crm.post("/v1/metrics/alarm-watches", json=body)
        assert (name, answer.json().get("code")) == (name, code)
    nobody = "00000000-0000-4000-8000-000000000000"
    for path in (f"alarms/{nobody}", f"alarm-watches/{nobody}", f"alarm-watches/{nobody}/chart"):
        assert (await running.crm.get(f"/v1/metrics/{path}")).status_code == 404
    assert (await running.crm.get("/v1/metrics/alarms?cursor=x")).json()["code"] == "bad_cursor"
    assert (await running.shop.get("/v1/metrics/alarms")).status_code == 403


async def the_picture_is_a_page_that_runs_nothing(running: Running, path: str) -> None:
    """Escaped, with a policy that lets nothing in, and said in words too."""
    page = await running.crm.get(path)
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "NPS &lt;sau&gt; giao hàng" in page.text
    assert "<sau>" not in page.text
    assert "<script" not in page.text
    assert page.text.count("<svg") == 1
    # Since when: the day within its interval, drawn and said.
    [began] = (await get(running, f"alarms?state=raised&watch={path.split('/')[-2]}"))["items"]
    assert f'It began on <time datetime="{began["change_day"]}">' in page.text
    assert f"between {began['change_first']} and {began['change_last']}" in page.text
    assert page.text.count('class="began"') == 1
    assert 'class="stands"' in page.text
    assert "Raised</strong> as of" in page.text
    assert NOW.date().isoformat() not in page.text
