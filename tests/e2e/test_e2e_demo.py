"""`tam demo` on a fresh folder: a real shop's figures, exactly; twice the same; right for any past day."""

import json
import re
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from e2e_world import Shop, clean_environ, tam

from shared.testing.ports import free_port
from shared.testing.postgres import scratch_folder

# The figures of the whole log, known from outside: rows, people and dollars of the published file.
ORDERS, CUSTOMERS, GROSS = 69_659, 23_570, "2500315.63"
PATIENCE = 400
DAYS = [
    date(1996, 12, 31),
    date(1997, 1, 1),
    date(1997, 3, 25),
    date(1997, 9, 30),
    date(1998, 2, 28),
    date(1998, 6, 30),
]

pytestmark = [pytest.mark.timeout(PATIENCE), pytest.mark.long]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with scratch_folder() as folder:
        yield folder / "data"


@pytest.fixture(scope="module")
def first_run(folder: Path) -> dict[str, Any]:
    """The document of the very first run, with all that is to be said of its form."""
    port = free_port()
    ended = tam("demo", "--exit", "--json", patience=PATIENCE, TAM_DATA_DIR=str(folder), TAM_PORT=str(port))
    assert ended.returncode == 0, ended.stderr
    # The whole of stdout is one document.
    return json.loads(ended.stdout)


@pytest.fixture(scope="module")
def second_run(folder: Path, first_run: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Shop]]:
    """The same purchases again, as an instance that goes on serving; ended with Ctrl-C."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "services", "demo", "--json"],
        env=clean_environ(TAM_DATA_DIR=str(folder), TAM_PORT=str(port)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        # stderr ends with the way to look further, printed last.
        said = "".join(iter(process.stderr.readline, "Ctrl-C ends it; the data stay.\n"))
        key = re.search(r"export TAM_KEY=(\S+)", said)
        assert key is not None, said
        document = "".join(iter(process.stdout.readline, "}\n")) + "}"
        yield json.loads(document), Shop(f"http://127.0.0.1:{port}", "", key[1], {})
        process.send_signal(signal.SIGINT)
        rest, said = process.communicate(timeout=60)
        assert (process.returncode, rest, said) == (0, "", "")
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def purchases(folder: Path, first_run: dict[str, Any]) -> list[tuple[str, date, Decimal]]:
    """The log as the demo fetched it, read by other eyes: customer, day, dollars."""
    lines = (folder / "datasets" / "CDNOW_master.txt").read_text().splitlines()[1:]
    rows = [line.split() for line in lines]
    return [(who, date.fromisoformat(day), Decimal(dollars)) for who, day, _, dollars in rows]


def test_the_figures_of_the_log_are_exact(first_run: dict[str, Any]):
    assert first_run["as_of"] == "1998-06-30"
    assert first_run["orders"]["value"] == ORDERS
    assert first_run["customers"]["value"] == CUSTOMERS
    assert (first_run["gross"]["value"], first_run["gross"]["currency"]) == (GROSS, "USD")
    assert first_run["historical_clv"]["denominator"] == CUSTOMERS
    for name in ("orders", "customers", "gross", "net", "repeat_purchase_rate", "lapse_rate"):
        figure = first_run[name]
        assert {"value", "unit", "definition", "numerator", "denominator", "as_of"} <= figure.keys()


def test_a_second_run_changes_no_figure(first_run: dict[str, Any], second_run: tuple[dict[str, Any], Shop]):
    def without_age(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: without_age(each) for name, each in value.items() if name != "staleness_seconds"}
        return value

    assert without_age(second_run[0]) == without_age(first_run)


@pytest.mark.parametrize("window", [30, 90, 180])
def test_figures_as_of_past_days(
    second_run: tuple[dict[str, Any], Shop], purchases: list[tuple[str, date, Decimal]], window: int
):
    for day in DAYS:
        before = [each for each in purchases if each[1] <= day]
        per_customer: dict[str, list[date]] = defaultdict(list)
        for who, when, _ in before:
            per_customer[who].append(when)
        active = sum(1 for days in per_customer.values() if max(days) > day - timedelta(days=window))
        repeat = sum(1 for days in per_customer.values() if len(days) > 1)
        everyone = len(per_customer)

        found = second_run[1].json("/v1/metrics/summary", as_of=str(day), window=window)

        assert (found["orders"]["value"], found["customers"]["value"]) == (len(before), everyone), day
        if before:
            assert Decimal(found["gross"]["value"]) == sum(each[2] for each in before)
        assert (found["active_customers"]["value"], found["lapsed_customers"]["value"]) == (active, everyone - active)
        assert (found["lapse_rate"]["numerator"], found["lapse_rate"]["denominator"]) == (everyone - active, everyone)
        assert found["repeat_purchase_rate"]["numerator"] == repeat
        assert found["repeat_purchase_rate"]["value"] == (repeat / everyone if everyone else None)


@pytest.mark.parametrize("period", ["week", "month"])
def test_the_life_cycle_through_time(
    second_run: tuple[dict[str, Any], Shop], purchases: list[tuple[str, date, Decimal]], period: str
):
    active: dict[date, set[str]] = defaultdict(set)
    for who, day, _ in purchases:
        active[start_of(period, day)].add(who)
    expected: dict[str, dict[str, int]] = {"new": {}, "returning": {}, "resurrecting": {}, "dormant": {}}
    seen: set[str] = set()
    before: set[str] = set()
    for start in sorted(active):
        now = active[start]
        expected["new"][str(start)] = len(now - seen)
        expected["returning"][str(start)] = len(now & before)
        expected["resurrecting"][str(start)] = len((now & seen) - before)
        expected["dormant"][str(start)] = len(before - now)
        seen |= now
        before = now

    first, last = min(active), date(1998, 6, 30)
    for name, points in expected.items():
        found = second_run[1].json(f"/v1/metrics/series/{name}", **{"from": first, "to": last, "period": period})
        assert {point["start"]: point["value"] for point in found["points"]} == points, name


def start_of(period: str, day: date) -> date:
    return day - timedelta(days=day.weekday()) if period == "week" else day.replace(day=1)


def test_one_customer_is_who_the_log_says(
    second_run: tuple[dict[str, Any], Shop], purchases: list[tuple[str, date, Decimal]]
):
    shop = second_run[1]
    # The third line of the log: two purchases on two days.
    mine = [each for each in purchases if each[0] == "00003"]

    figures = shop.customer("user_id:cdnow-00003")

    assert figures["orders"] == len(mine)
    assert Decimal(figures["gross"]) == sum(each[2] for each in mine)
    assert (figures["first_order"], figures["last_order"]) == (str(mine[0][1]), str(mine[-1][1]))
    assert len(shop.touchpoints("user_id:cdnow-00003")) == len(mine)
