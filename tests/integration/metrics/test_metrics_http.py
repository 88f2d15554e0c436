"""The figures as a CRM and Prometheus read them, facts coming over the bus."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from metrics_world import NOW, HandClock, cancelled, changed, fact, merged, placed, refunded, unmerged

from services.metrics.app import service as manifest
from services.metrics.service import PROJECTION
from shared.bus.base import OutRecord
from shared.events.catalogue.touchpoints import OrderRefunded
from shared.events.envelope import Event, encode
from shared.ids import user_key
from shared.runtime.progress import digest, empty_projection
from shared.testing.platform import Running, running_platform

SHAPE = {
    "value", "unit", "definition", "numerator", "denominator", "interval", "as_of", "time_zone", "staleness_seconds",
    "currency", "parameters", "cannot_say",
}  # fmt: skip

# What is asked, and how it is refused.
REFUSED = {
    "summary?as_of=2026-11-22": (422, "metrics.in_the_future"),
    "summary?as_of=yesterday": (422, "invalid"),
    "summary?as_of=1700000000": (422, "invalid"),
    "summary?as_of=2026-02-30": (422, "invalid"),
    "summary?as_of=0001-01-01": (422, "invalid"),
    "summary?window=0": (422, "invalid"),
    "summary?window=100000000000000000000": (422, "invalid"),
    "summary?currency=EURO": (422, "metrics.unknown_currency"),
    "customers/nobody": (422, "metrics.bad_customer"),
    "customers/user_id:nobody": (404, "metrics.unknown_customer"),
    "customers/00000000-0000-0000-0000-000000000000": (404, "metrics.unknown_customer"),
    "series/happiness": (422, "invalid"),
    "series/orders?from=2026-11-20&to=2026-11-19": (422, "metrics.bad_range"),
    "series/orders?from=1990-01-01": (422, "metrics.bad_range"),
    "series/orders?to=2026-12-01": (422, "metrics.in_the_future"),
    "series/orders?from=2027-12-01": (422, "metrics.bad_range"),
    "series/orders?period=year": (422, "invalid"),
}


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def running(database_url: str, clock: HandClock) -> AsyncIterator[Running]:
    async with running_platform(database_url, (manifest,), clock=clock) as platform:
        yield platform


async def publish(running: Running, *events: Event[Any]) -> None:
    records = [OutRecord(event.data.topic.name, event.subject.bytes, encode(event)) for event in events]
    await running.platform.bus.append(records)
    await running.settled()


async def get(running: Running, path: str, **parameters: Any) -> Any:
    answer = await running.crm.get(f"/v1/metrics/{path}", params={key.rstrip("_"): v for key, v in parameters.items()})
    assert answer.status_code == 200, answer.text
    return answer.json()


def ago(**time: float) -> datetime:
    return NOW - timedelta(**time)


def a_shop() -> list[Event[Any]]:
    """Ann buys twice and gets a part back, Binh once in dong, Chi cancels, Dung gets all back."""
    return [
        placed("a1", "ann", ago(days=40), 10_000),
        placed("a2", "ann", ago(days=2), 5_050),
        refunded("a2", "ann", ago(days=1), 1_025),
        placed("b1", "binh", ago(days=100), 250_000, "VND"),
        placed("c1", "chi", ago(days=3), 999),
        cancelled("c1", "chi", ago(days=3)),
        placed("d1", "dung", ago(days=5), 2_000),
        refunded("d1", "dung", ago(days=4)),
    ]


async def test_the_summary_says_how_the_firm_does(running: Running):
    await publish(running, *a_shop())

    found = await get(running, "summary")

    values = {name: figure["value"] for name, figure in found.items() if isinstance(figure, dict) and "value" in figure}
    assert values == {
        "orders": 4,
        "customers": 2,
        "gross": "170.50",
        "refunds": "30.25",
        "net": "140.25",
        "average_order_value": "56.83",
        "historical_clv": "70.12",
        "repeat_purchase_rate": 0.5,
        "lapse_rate": 0.5,
        "active_customers": 1,
        "lapsed_customers": 1,
        "unmatched_refunds": 0,
        "first_order": "2026-08-13",
        "last_order": "2026-11-19",
    }
    assert found["currency"] == "USD"
    assert found["other_currencies"]["VND"]["net"]["value"] == "250000"
    assert {name: figure["value"] for name, figure in found["lifecycle"]["week"].items()} == {
        "new": 0,
        "returning": 0,
        "resurrecting": 1,
        "dormant": 0,
    }


async def test_every_figure_explains_itself_in_one_shape(running: Running):
    await publish(running, *a_shop())
    definitions = (await get(running, "definitions"))["definitions"]
    answers = [
        await get(running, "summary", window=30),
        await get(running, f"customers/{user_key('ann')}"),
        await get(running, "series/lapse_rate", window=30),
    ]

    def figures(node: Any) -> list[dict[str, Any]]:
        if isinstance(node, list):
            return [each for item in node for each in figures(item)]
        if not isinstance(node, dict):
            return []
        return [node] if "definition" in node else [each for item in node.values() for each in figures(item)]

    found = [figure for answer in answers for figure in figures(answer)]
    known = {definition["id"]: definition for definition in definitions.values()}
    assert len(found) > 70
    for figure in found:
        assert set(figure) - {"start", "end", "is_complete"} == SHAPE
        assert figure["unit"] == known[figure["definition"]]["unit"]
        assert (figure["currency"] is not None) == (figure["unit"] == "money")
        assert figure["time_zone"] == "Asia/Ho_Chi_Minh"
    lapse = answers[0]["lapse_rate"]
    assert (lapse["numerator"], lapse["denominator"], lapse["parameters"]) == (1, 2, {"window_days": 30})
    assert lapse["interval"]["low"] == pytest.approx(0.0945, abs=1e-4)
    assert lapse["interval"]["high"] == pytest.approx(0.9055, abs=1e-4)


async def test_the_past_is_as_it_was(running: Running):
    await publish(running, *a_shop())

    found = await get(running, "summary", as_of="2026-11-18", window=14, currency="usd")

    assert found["orders"]["value"] == 3
    assert found["gross"]["value"] == "120.00"
    assert found["refunds"]["value"] == "20.00"
    assert found["customers"]["value"] == 2
    assert found["active_customers"]["value"] == 0
    assert found["orders"]["as_of"] == "2026-11-18"
    assert (await get(running, "summary", as_of="2020-01-01"))["orders"]["value"] == 0


async def test_an_empty_firm_has_figures_too(running: Running):
    found = await get(running, "summary")

    assert (found["orders"]["value"], found["gross"]["value"], found["currency"]) == (0, "0", None)
    assert found["lapse_rate"]["value"] is None
    assert found["average_order_value"]["value"] is None
    assert (await get(running, "series/net"))["points"][-1]["value"] == "0"


async def test_a_customer_under_any_of_their_keys(running: Running):
    await publish(running, *a_shop(), placed("v1", "visitor", ago(days=9), 100))
    await publish(running, merged("visitor", "ann", 1))

    for reference in (user_key("ann"), user_key("visitor"), "user_id:ann", "user_id:visitor"):
        found = await get(running, f"customers/{reference}", window=60)
        assert found["customer"] == str(user_key("ann"))
        assert set(found["keys"]) == {str(user_key("ann")), str(user_key("visitor"))}
        assert (found["orders"]["value"], found["net"]["value"]) == (3, "141.25")
        assert (found["first_order"]["value"], found["last_order"]["value"]) == ("2026-10-12", "2026-11-19")
        assert (found["active_days"]["value"], found["inactive_days"]["value"]) == (3, 2)
        assert found["lapse_state"]["value"] == "active"
        assert {period: state["value"] for period, state in found["lifecycle"].items()} == {
            "day": "inactive",
            "week": "returning",
            "month": "returning",
        }
    assert (await get(running, "summary"))["customers"]["value"] == 2

    await publish(running, unmerged("visitor", "ann", 2))

    assert (await get(running, "customers/user_id:visitor"))["orders"]["value"] == 1
    assert (await get(running, "summary"))["customers"]["value"] == 3


async def test_a_series_marks_the_running_period(running: Running):
    await publish(running, *a_shop())

    found = await get(running, "series/gross", period="month", from_="2026-10-15", to="2026-11-20")

    assert [(each["start"], each["end"], each["value"], each["is_complete"]) for each in found["points"]] == [
        ("2026-10-01", "2026-10-31", "100.00", True),
        ("2026-11-01", "2026-11-30", "70.50", False),
    ]
    assert [each["as_of"] for each in found["points"]] == ["2026-10-31", "2026-11-21"]
    assert len((await get(running, "series/customers"))["points"]) == 30


async def test_what_cannot_be_answered_says_why(running: Running):
    answers = {path: await running.crm.get(f"/v1/metrics/{path}") for path in REFUSED}

    assert {path: (answer.status_code, answer.json()["code"]) for path, answer in answers.items()} == REFUSED
    assert {answer.headers["content-type"] for answer in answers.values()} == {"application/problem+json"}


async def test_figures_are_for_keys_that_may_read_them(running: Running):
    _, other = await running.platform.keyring.create("secret", "elsewhere", scopes=("profiles:read",))

    for path in ("summary", "customers/user_id:ann", "series/orders", "definitions"):
        nobody = await running.crm.get(f"/v1/metrics/{path}", headers={"Authorization": ""})
        shop = await running.shop.get(f"/v1/metrics/{path}")
        stranger = await running.crm.get(f"/v1/metrics/{path}", headers={"Authorization": f"Bearer {other}"})

        assert (nobody.status_code, shop.status_code, stranger.status_code) == (401, 403, 403), path
        assert stranger.json()["required"] == "metrics:read"


async def test_who_polls_is_told_when_nothing_changed(running: Running, clock: HandClock):
    await publish(running, *a_shop())

    async def poll(tag: str) -> httpx.Response:
        return await running.crm.get("/v1/metrics/summary", headers={"If-None-Match": tag})

    first = await poll("")
    clock.time += timedelta(seconds=7)
    again = await poll(first.headers["etag"])
    await publish(running, placed("e1", "em", ago(hours=1)))
    changed_since = await poll(first.headers["etag"])

    assert (first.status_code, again.status_code, changed_since.status_code) == (200, 304, 200)
    assert changed_since.json()["orders"]["value"] == 5


async def test_prometheus_reads_the_same_numbers(running: Running):
    await publish(running, *a_shop())

    scrape = (await running.crm.get("/metrics")).text
    summary = await get(running, "summary", window=30)

    lines = dict(line.rsplit(" ", 1) for line in scrape.splitlines() if line.startswith("tam_metrics_"))
    assert float(lines["tam_metrics_orders"]) == summary["orders"]["value"]
    assert float(lines["tam_metrics_customers"]) == summary["customers"]["value"]
    for name in ("gross", "refunds", "net", "average_order_value", "historical_clv"):
        assert float(lines[f'tam_metrics_{name}{{currency="USD"}}']) == float(summary[name]["value"])
    assert float(lines['tam_metrics_gross{currency="VND"}']) == 250_000
    assert float(lines['tam_metrics_lapse_ratio{window_days="30"}']) == summary["lapse_rate"]["value"]
    assert float(lines['tam_metrics_active_customers{window_days="365"}']) == 2
    assert float(lines["tam_metrics_repeat_purchase_ratio"]) == summary["repeat_purchase_rate"]["value"]


async def test_staleness_is_zero_when_all_is_read_and_the_age_of_the_last_fact_when_not(
    database_url: str, clock: HandClock
):
    async with running_platform(database_url, (manifest,), clock=clock) as running:
        # Enough people for every partition.
        await publish(running, *(placed(f"o{number}", f"p{number}", ago(days=1)) for number in range(40)))
        assert (await get(running, "summary"))["staleness_seconds"] == 0
        assert (await get(running, "summary"))["orders"]["staleness_seconds"] == 0
    async with running_platform(database_url, (manifest,), clock=clock, role="api") as reading:
        event = placed("new", "somebody", ago(hours=1))
        await reading.platform.bus.append([OutRecord(event.data.topic.name, event.subject.bytes, encode(event))])
        clock.time += timedelta(minutes=5)

        assert (await get(reading, "summary"))["staleness_seconds"] == 300
        assert (await get(reading, "summary"))["orders"]["value"] == 40


async def test_a_replay_ends_in_the_same_rows(running: Running):
    await publish(running, *a_shop(), merged("ann", "binh", 1), changed("a1", "ann", ago(days=39), 7_000))
    await publish(running, unmerged("ann", "binh", 2), merged("dung", "binh", 3))
    db = running.platform.databases()[0][1]
    live = await digest(db, PROJECTION.tables)

    await empty_projection(db, PROJECTION)
    await running.settled()

    assert await digest(db, PROJECTION.tables) == live
    assert (await get(running, "summary"))["gross"]["value"] == "140.50"


async def test_another_time_zone_rebuilds_the_figures_in_its_days(database_url: str, clock: HandClock):
    # Two o'clock in the night of Ho Chi Minh City is the evening before in Berlin.
    night = datetime(2026, 11, 9, 19, 0, tzinfo=UTC)
    async with running_platform(database_url, (manifest,), clock=clock) as running:
        await publish(running, placed("o1", "ann", night))
        assert (await get(running, "summary"))["first_order"]["value"] == "2026-11-10"

    async with running_platform(database_url, (manifest,), clock=clock, time_zone="Europe/Berlin") as running:
        await running.settled()
        found = await get(running, "summary")

    assert found["first_order"]["value"] == "2026-11-09"
    assert (found["customers"]["value"], found["orders"]["time_zone"]) == (1, "Europe/Berlin")


async def test_money_that_cannot_be_is_set_aside_and_the_rest_counts(running: Running):
    odd = fact(OrderRefunded(order_id="a1", refund_id="r", amount_minor=-5, source="web"), "ann", NOW)

    await publish(running, placed("x1", "ann", NOW, currency="DOGE"), *a_shop(), odd, placed("x2", "ann", NOW, 10**16))

    assert (await get(running, "summary"))["orders"]["value"] == 4
    async with asyncio.timeout(10):
        db = running.platform.databases()[0][1]
        async with db.read() as tx:
            dead = (await tx.execute("SELECT count(*) FROM dead_letters WHERE error_class = 'Poison'")).scalar_one()
    assert dead == 3


async def test_a_refund_in_another_currency_is_shown_and_not_added(running: Running):
    await publish(
        running,
        placed("o1", "ann", ago(days=2), 1_000),
        refunded("o1", "ann", ago(days=1), 300, refund="r1", currency="EUR"),
        refunded("never-seen", "ann", ago(days=1), 300),
    )

    found = await get(running, "summary")

    assert (found["refunds"]["value"], found["unmatched_refunds"]["value"]) == ("0.00", 2)
    assert found["other_currencies"] == {}
    assert (await get(running, "customers/user_id:ann"))["unmatched_refunds"]["value"] == 1
