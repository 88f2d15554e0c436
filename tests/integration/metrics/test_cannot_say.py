"""Seven shops that little can be said of: each GET route of metrics says what it can, and why it cannot say the rest.

What they do is fed through the door of shops; every route there is, is asked in every usual way.
"""

import re
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import pytest
from cannot_say_rules import complaints
from cannot_say_shops import MANY, SHOPS, Shop
from cannot_say_walk import questions
from metrics_world import NOW, HandClock
from satisfaction_world import segment

from services.metrics.app import service as metrics
from services.touchpoints.app import service as touchpoints
from shared.bus.base import OutRecord
from shared.events.envelope import encode
from shared.testing.platform import Running, running_platform

NOBODY = str(UUID(int=0))
CUSTOMERS = ("user_id:u-1", "user_id:u-3", "user_id:u-30", "user_id:whale", "user_id:old", "user_id:nobody")
# There is no alarm in any of the shops, and no wave of staff.
NEVER_SHOWN = {"/v1/metrics/alarms/{alarm}"}
# Of these routes nothing is shown before there is a fit.
ONLY_WITH_A_FIT = {"/v1/metrics/models"}


@asynccontextmanager
async def open_shop(database_url: str, shop: Shop) -> AsyncIterator[tuple[Running, list[dict[str, Any]]]]:
    """The shop, all it sent taken in and every clock gone off once; and what the door refused."""
    clock, refused = HandClock(NOW - timedelta(hours=1)), []
    services = (touchpoints, metrics)
    async with running_platform(database_url, services, clock=clock, currency=shop.currency) as running:
        for begin in range(0, len(shop.calls), 1_000):
            sent = await running.shop.post("/v1/batch", json={"batch": shop.calls[begin : begin + 1_000]})
            assert sent.status_code == 200, sent.text
            refused += sent.json()["rejected"]
        records = [OutRecord(each.data.topic.name, each.subject.bytes, encode(each)) for each in shop.facts]
        await running.platform.bus.append(records)
        await running.settled()
        # Whatever was counted of the empty shop, or before there was a fit, is too old by then.
        clock.time = NOW - timedelta(minutes=30)
        await by_the_clock(running)
        clock.time = NOW
        yield running, refused


async def by_the_clock(running: Running) -> None:
    for job in metrics.jobs:
        await job.run(running.platform.value("metrics"))


class Walked(NamedTuple):
    """What was wrong on the way, by route, and which routes showed something."""

    wrong: Mapping[str, list[str]]
    shown: set[str]
    every: set[str]


async def walk(running: Running) -> Walked:
    openapi = running.platform.app.openapi()
    watches = (await get(running, "alarm-watches"))["items"]
    ids = {
        "customer": CUSTOMERS,
        "watch": (*(each["id"] for each in watches), NOBODY),
        "segment": (str(segment("vip")), NOBODY),
        **dict.fromkeys(("alarm", "survey", "wave"), (NOBODY,)),
        "figure": ("nps", "mrr", "joy"),
        "cursor": ("x",),
    }
    wrong, shown, every = defaultdict[str, list[str]](list), set[str](), set[str]()
    for question in questions(openapi, ids):
        answer = await ask(running, question.path, question.parameters)
        operation = openapi["paths"][question.route]["get"]
        asked = f"{question.path} {question.parameters}"
        wrong[question.route] += [
            f"{asked}: {each}" for each in complaints(answer, operation, openapi["components"]["schemas"])
        ]
        every.add(question.route)
        if answer.status_code == 200:
            shown.add(question.route)
    return Walked({route: found[:5] for route, found in wrong.items() if found}, shown, every)


async def ask(running: Running, path: str, parameters: Mapping[str, str]) -> httpx.Response:
    """The answer; who is told that the log is being read asks again."""
    for _ in range(5):
        answer = await running.crm.get(path, params=parameters)
        if answer.status_code != 503:
            break
        assert answer.headers["Retry-After"]
        await by_the_clock(running)
    return answer


async def get(running: Running, path: str, **parameters: Any) -> Any:
    answer = await running.crm.get(f"/v1/metrics/{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("name", SHOPS)
async def test_each_route_says_what_it_can_and_why_not_the_rest(database_url: str, name: str):
    async with open_shop(database_url, SHOPS[name]()) as (running, refused):
        walked = await walk(running)
        assert walked.wrong == {}
        assert len(walked.every) >= 42
        has_fit = name in ("constant", "whale")
        assert walked.every - walked.shown == NEVER_SHOWN | (set() if has_fit else ONLY_WITH_A_FIT)
        await prometheus_shows_numbers_alone(running)
        assert [each["code"] for each in refused] == (["impossible_time"] if name == "before_birth" else [])
        await KNOWN[name](running)


async def prometheus_shows_numbers_alone(running: Running) -> None:
    lines = (await running.crm.get("/metrics")).text.splitlines()
    own = [line for line in lines if line.startswith(("tam_metrics_", "tam_alarm_"))]
    assert len(own) > 20
    # Of what cannot be said there is no line.
    assert [line for line in own if not re.search(r" -?[0-9.]+(e[+-]?[0-9]+)?$", line)] == []


async def why_no_prediction(running: Running, **parameters: Any) -> list[str]:
    """The reasons of the total, which everybody else must repeat: the card, the gauge, a customer."""
    total = await get(running, "clv", **parameters)
    assert {total[name]["value"] for name in ("predicted_clv_total", "predicted_clv", "expected_buyers")} == {None}
    lines = {each["key"]: each for each in (await get(running, "scorecard"))["lines"]}
    assert (lines["predicted_clv"]["figure"]["value"], lines["predicted_clv"]["cannot_say"]["code"]) == (
        None,
        "no_model",
    )
    one = await get(running, "customers/user_id:u-1/prediction")
    assert (one["churn_risk"]["value"], one["predicted_clv"]["value"]) == (None, None)
    assert one["reasons"]
    assert "tam_metrics_predicted_clv_total{" not in (await running.crm.get("/metrics")).text
    return [each["code"] for each in total["reasons"]]


async def of_twenty(running: Running) -> None:
    assert await why_no_prediction(running) == ["too_few_customers", "too_few_repeaters"]
    assert (await get(running, "clv"))["customers"] == 20
    summary = await get(running, "summary")
    assert (summary["customers"]["value"], summary["orders"]["value"]) == (20, 39)
    # Thirteen of them bought again; so few that the interval says it.
    repeat = summary["repeat_purchase_rate"]
    assert (repeat["numerator"], repeat["denominator"]) == (13, 20)
    assert repeat["interval"]["high"] - repeat["interval"]["low"] > 0.3
    assert "too_few_customers" in [each["code"] for each in (await get(running, "lapse-window"))["reasons"]]
    assert [each["code"] for each in (await get(running, "subscriptions/value"))["reasons"]] == [
        "too_few_subscriptions"
    ]
    nps = (await get(running, "nps"))["total"]
    assert (nps["value"], nps["n"], nps["cannot_say"]) == (100, 3, None)
    nobody = (await get(running, "nps", channel="sms"))["total"]
    assert (nobody["value"], nobody["cannot_say"]["code"]) == (None, "no_data")


async def of_all_once(running: Running) -> None:
    assert await why_no_prediction(running) == ["too_few_repeaters"]
    summary = await get(running, "summary")
    assert (summary["repeat_purchase_rate"]["value"], summary["repeat_purchase_rate"]["denominator"]) == (0, MANY)
    assert summary["repeat_purchase_rate"]["interval"]["high"] > 0
    again = await get(running, "repeat-purchases")
    assert again["waits"][0]["quartiles"]["0.5"]["value"] is None
    assert {each["code"] for wait in again["waits"] for each in wait["reasons"]} == {"not_reached"}
    assert "too_few_came_back" in [each["code"] for each in (await get(running, "lapse-window"))["reasons"]]
    early = await get(running, "summary", as_of="1990-01-01")
    assert (early["lapse_rate"]["value"], early["lapse_rate"]["denominator"]) == (None, 0)
    assert early["lapse_rate"]["cannot_say"]["code"] == "nothing_to_divide_by"
    assert "lapsed_customers / customers" in early["lapse_rate"]["cannot_say"]["detail"]
    assert early["first_order"]["cannot_say"]["code"] == "too_little_seen"


async def of_constant(running: Running) -> None:
    assert await why_no_prediction(running) == ["spending_not_identified"]
    models = await get(running, "models")
    assert (models["served"], models["spending"]["problem"] is not None) == (None, True)
    # How they buy is identified, and what was spent is plain.
    assert models["models"]["mbg_nbd"]["problem"] is None
    summary = await get(running, "summary")
    assert summary["average_order_value"]["value"] == "100000"
    assert [each["code"] for each in (await get(running, "rfm"))["reasons"]] == []


async def of_the_whale(running: Running) -> None:
    assert await why_no_prediction(running) == ["one_customer_dominates"]
    whale = await get(running, "customers/user_id:whale")
    assert whale["net"]["value"] == str(4 * 4_000_000_000_000)
    one = await get(running, "customers/user_id:whale/prediction")
    assert [each["code"] for each in one["reasons"]] == ["one_customer_dominates"]
    # Money is exact also beyond what a float of a chart would keep.
    summary = await get(running, "summary")
    assert int(summary["net"]["value"]) - int(whale["net"]["value"]) > 0
    assert int(summary["net"]["value"]) == int(summary["gross"]["value"])


async def of_before_birth(running: Running) -> None:
    summary = await get(running, "summary")
    # What the door let in counts on its own day, however long ago; what it refused is nowhere.
    assert (summary["orders"]["value"], summary["first_order"]["value"]) == (43, "1869-01-01")
    assert (summary["last_order"]["value"], summary["refunds"]["value"]) == ("2026-11-21", "1000")
    old = await get(running, "customers/user_id:old")
    assert (old["first_order"]["value"], old["lapse_state"]["value"]) == ("1869-01-01", "lapsed")
    assert int(old["inactive_days"]["value"]) > 57_000
    seven = await get(running, "customers/user_id:u-7")
    assert (seven["orders"]["value"], seven["first_order"]["value"]) == (2, "1990-01-02")
    # The refund came before its order: it counts on its own day, and the net of that day alone is below nothing.
    before = await get(running, "summary", as_of="2016-01-01")
    assert (before["refunds"]["value"], before["gross"]["value"]) == ("1000", "200000")
    # Said of a day to come: set to when it was heard.
    soon = await get(running, "customers/user_id:soon")
    assert soon["first_order"]["value"] == "2026-11-21"
    assert await why_no_prediction(running) == ["too_few_customers", "too_few_repeaters"]


async def of_refunds_above_gross(running: Running) -> None:
    summary = await get(running, "summary")
    # Ten gave all back and five did in two parts, a stranger the rest of what u-31 had paid.
    assert (summary["gross"]["value"], summary["refunds"]["value"]) == ("4000000", "1600000")
    assert summary["net"]["value"] == "2400000"
    assert summary["customers"]["value"] == 24
    # Ten of too much, five second parts, one of an order never seen, one dong too much of the stranger's.
    assert summary["unmatched_refunds"]["value"] == 17
    for period in ("day", "week", "month"):
        points = (await get(running, "series/refunds", period=period))["points"]
        assert all(float(each["value"]) >= 0 for each in points)
    for number in (0, 12):
        one = await get(running, f"customers/user_id:u-{number}")
        assert (one["net"]["value"], one["unmatched_refunds"]["value"]) == ("0", 1)
    assert (await get(running, "customers/user_id:u-20"))["unmatched_refunds"]["value"] == 0
    churn = await get(running, "subscriptions/churn")
    assert [each["code"] for each in churn["reasons"]] == ["nobody_at_start"]
    growth = (await get(running, "earned-growth", **{"from": "2026-11-01", "to": "2026-11-21"}))["growth"]
    assert growth["cannot_say"]["code"] == "no_base"


async def of_three_currencies(running: Running) -> None:
    summary = await get(running, "summary")
    money = {"VND": summary, **summary["other_currencies"]}
    assert {code: each["gross"]["value"] for code, each in money.items()} == {
        "VND": str(500_000 * MANY),
        "USD": f"{20 * MANY}.00",
        "EUR": f"{19 * MANY}.00",
    }
    brought = await get(running, "historical-clv")
    assert brought["historical_clv_converted"] is None
    assert {(each["code"], each["currency"]) for each in brought["reasons"]} == {("no_rate", "USD"), ("no_rate", "EUR")}
    assert all("PUT /v1/metrics/subscriptions/rates" in each["detail"] for each in brought["reasons"])
    reasons = await why_no_prediction(running)
    assert reasons == ["too_few_customers", "several_currencies"]
    total = await get(running, "clv")
    assert (total["customers"], total["in_several_currencies"]) == (0, MANY)
    assert [each["code"] for each in (await get(running, "customers/user_id:u-1/rfm"))["reasons"]] == [
        "several_currencies"
    ]
    mrr = await get(running, "subscriptions/mrr")
    assert {code: each["mrr"]["value"] for code, each in mrr["revenue"]["by_currency"].items()} == {
        "VND": "500000",
        "USD": "20.00",
        "EUR": "19.00",
    }
    assert mrr["revenue"]["total"] is None
    assert {each["code"] for each in mrr["revenue"]["reasons"]} == {"no_rate"}


KNOWN: Mapping[str, Callable[[Running], Awaitable[None]]] = {
    "twenty": of_twenty,
    "all_once": of_all_once,
    "constant": of_constant,
    "whale": of_the_whale,
    "before_birth": of_before_birth,
    "over_refunded": of_refunds_above_gross,
    "in_turns": of_three_currencies,
}
