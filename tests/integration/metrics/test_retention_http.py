"""Retention as a CRM reads it, orders coming over the bus."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from metrics_world import HandClock, merged, placed

from services.metrics.app import service as manifest
from shared.bus.base import OutRecord
from shared.events.envelope import Event, encode
from shared.testing.platform import Running, running_platform

SHAPE = {
    "value", "unit", "definition", "numerator", "denominator", "interval", "as_of", "time_zone", "staleness_seconds",
    "currency", "parameters", "cannot_say",
}  # fmt: skip
READS = (
    "lapse-window",
    "lapse-window?at_most=0.9&horizon_days=20&window=33&window=44",
    "lifecycle?period=day&from=2026-11-01&to=2026-11-10",
    "lifecycle?period=month",
    "cohorts?period=week&rule=every&cohorts=5",
    "cohorts?rule=on_or_after&as_of=2026-10-15",
    "repeat-purchases",
    "rfm?currency=vnd",
    "customers/user_id:khach-7/rfm",
    "lapse-by-segment?window=30",
    "lifecycle?period=month&from=1900-01-01&as_of=1900-01-01",
)
REFUSED = {
    "lapse-window?share=1": (422, "invalid"),
    "lapse-window?at_most=0": (422, "invalid"),
    "lapse-window?as_of=2026-11-22": (422, "metrics.in_the_future"),
    "lapse-window?horizon_days=0": (422, "invalid"),
    "lapse-window?window=30&window=100000000000000000000": (422, "invalid"),
    "lifecycle?period=year": (422, "invalid"),
    "lifecycle?from=2026-11-20&to=2026-11-19": (422, "metrics.bad_range"),
    "lifecycle?period=day&from=1990-01-01": (422, "metrics.bad_range"),
    "lifecycle?to=2026-12-01": (422, "metrics.in_the_future"),
    "cohorts?rule=sometimes": (422, "invalid"),
    "cohorts?cohorts=0": (422, "invalid"),
    "rfm?currency=DONG": (422, "metrics.unknown_currency"),
    "rfm?as_of=tomorrow": (422, "invalid"),
    "customers/nobody/rfm": (422, "metrics.bad_customer"),
    "customers/user_id:nobody/rfm": (404, "metrics.unknown_customer"),
    "lapse-by-segment?window=0": (422, "invalid"),
}


@pytest.fixture
async def running(database_url: str) -> AsyncIterator[Running]:
    async with running_platform(database_url, (manifest,), clock=HandClock()) as platform:
        yield platform


def a_shop() -> list[Event[Any]]:
    """Two hundred customers: each seventh comes back every 30 days, each third once, at a quarter past midnight."""
    events: list[Event[Any]] = []
    for number in range(200):
        times = 5 if number % 7 == 0 else 2 if number % 3 == 0 else 1
        for nth in range(times):
            # 17:15 UTC is 00:15 of the next day in Ho Chi Minh City.
            at = datetime(2026, 11, 19, 17, 15, tzinfo=UTC) - timedelta(days=3 * (number % 50) + 30 * nth)
            events.append(placed(f"đơn-{number}-{nth}", f"khach-{number}", at, 100_000 + 1_000 * number, "VND"))
    return events


def figures(found: Any) -> Iterator[dict[str, Any]]:
    """All figures of an answer."""
    if isinstance(found, dict):
        if "definition" in found:
            yield found
        for each in found.values():
            yield from figures(each)
    elif isinstance(found, list):
        for each in found:
            yield from figures(each)


async def test_every_figure_explains_itself_and_nothing_is_refused_without_a_reason(running: Running):
    events = [*a_shop(), merged("khach-9", "khach-7", 1)]
    await running.platform.bus.append(
        [OutRecord(event.data.topic.name, event.subject.bytes, encode(event)) for event in events]
    )
    await running.settled()
    defined = (await running.crm.get("/v1/metrics/definitions")).json()["definitions"]
    ids = {each["id"] for each in defined.values()}

    found: dict[str, Any] = {}
    for path in READS:
        answer = await running.crm.get(f"/v1/metrics/{path}")
        assert answer.status_code == 200, (path, answer.text)
        found[path] = answer.json()
        assert "NaN" not in answer.text
        own = list(figures(found[path]))
        assert own, path
        for figure in own:
            assert figure.keys() - {"low_days", "high_days"} == SHAPE, (path, figure)
            assert figure["definition"] in ids, figure
            assert figure["time_zone"] == "Asia/Ho_Chi_Minh"
        # A frozen clock and a log that is read to its end: live.
        assert found[path]["staleness_seconds"] == 0, path
    for path, refusal in REFUSED.items():
        answer = await running.crm.get(f"/v1/metrics/{path}")
        assert (answer.status_code, answer.json()["code"]) == refusal, (path, answer.text)

    # Who polls is not sent the same again.
    tag = (await running.crm.get("/v1/metrics/rfm")).headers["etag"]
    assert (await running.crm.get("/v1/metrics/rfm", headers={"If-None-Match": tag})).status_code == 304

    window = found["lapse-window"]
    assert (window["rule"], window["customers"], window["reasons"]) == ("share", 199, [])
    # Whoever comes back does so after 30 days (one, who is two, also between).
    assert window["recommended"]["value"] == 30
    assert [each["window_days"] for each in found[READS[1]]["candidates"]].count(33) == 1
    # At a quarter past midnight in Ho Chi Minh City it is still yesterday in Greenwich.
    day = found["lifecycle?period=day&from=2026-11-01&to=2026-11-10"]["periods"][0]
    local = date(2026, 11, 1)
    assert (day["start"], day["buyers"]["value"]) == (local.isoformat(), buyers_of(local))
    rfm = found["rfm?currency=vnd"]
    assert (rfm["customers"], sum(each["customers"]["value"] for each in rfm["segments"])) == (199, 199)
    one = found["customers/user_id:khach-7/rfm"]
    assert (one["orders"], one["net"], len(one["keys"])) == (7, "753000", 2)
    assert one["segment"]["value"] == "champions"
    parts = found["lapse-by-segment?window=30"]
    assert parts["segments"] == []
    assert parts["in_no_segment"] == parts["everybody"]


def buyers_of(local: date) -> int:
    """Customers of the shop who bought on a local day."""
    found = set()
    for event in a_shop():
        if (event.time + timedelta(hours=7)).date() == local:
            found.add(event.subject)
    return len(found)
