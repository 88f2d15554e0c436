"""A real Prometheus asks a real platform: every rule is evaluated, every panel of every dashboard shows something."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from e2e_world import Shop, client, order
from prometheus_world import PATIENCE_SECONDS, asked, questions, watching

# Some 1,500 as this is written, of 39 timed jobs and 29 consumers, and 2,000 where the tests before asked every route.
MOST_SERIES = 2_500
TARGETS: dict[str, dict[str, Any]] = {
    "nps": {"value": 50},
    "lapse_rate": {"value": 0.3},
    "churn_rate": {"value": 0.05},
    "historical_clv": {"value": 20, "currency": "USD"},
}
ANSWERS = {
    "relationship_nps": {"nps": {"score": 9}},
    "after_delivery": {"csat": {"score": 4}},
    "after_support": {"ces": {"score": 6}},
}
# Why a panel of a healthy shop may show nothing, as the panel itself says.
EMPTY = {
    "no model foretells well enough",
    "no subscriptions",
    "nobody was invited",
    "nothing was promised",
    "staff was not asked",
    "too few customers for a model",
    "too little history",
}


@pytest.fixture
def watched(one_box: Shop, tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of a Prometheus that asks the platform each second, with our rules and alerts."""
    with watching(one_box.base_url.removeprefix("http://"), tmp_path) as client:
        yield client


def unexplained(client: httpx.Client) -> list[str]:
    """The expressions that find nothing, though their panels have no reason for that."""
    return sorted({each.expr for each in questions() if each.when_empty not in EMPTY and not asked(client, each.expr)})


def ask_customers(shop: Shop) -> None:
    """Somebody is asked each of the three questions, and answers."""
    for library, answer in ANSWERS.items():
        survey = shop.asked("POST", "/v1/surveys", {"library": library})["id"]
        shop.asked("POST", f"/v1/surveys/{survey}/publish", {"note": "first"})
        body = {"survey_id": survey, "customer": "user_id:prom-1", "answers": answer}
        shop.asked("POST", "/v1/responses", body)


def trade(shop: Shop, round_: int) -> None:
    """What a shop does in a moment: sells, sends nonsense, looks at figures."""
    for n in range(5):
        assert shop.post("/v1/track", order(f"prom-{round_}-{n}", 9.5, {"userId": f"prom-{n}"})).status_code == 200
    assert shop.post("/v1/batch", {"batch": [{"type": "nonsense"}]}).status_code in (200, 400)
    for page in ("/v1/metrics/summary", "/v1/customers", "/v1/surveys", "/v1/loyalty/invariants"):
        assert shop.get(page).status_code == 200, page
    shop.settled()


def test_every_panel_shows_something_and_nobody_is_woken(watched: httpx.Client, one_box: Shop) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    ask_customers(one_box)
    points = {"points": 100, "reason": "goodwill"}
    one_box.asked("POST", "/v1/loyalty/members/user_id:prom-1/adjustments", points)
    for figure, target in TARGETS.items():
        one_box.asked("PUT", f"/v1/metrics/scorecard/targets/{figure}", {**target, "owner": "Lan", "due": "2030-01-01"})
    round_, empty = 0, ["nothing was asked yet"]
    while empty and time.monotonic() < deadline:
        round_ += 1
        trade(one_box, round_)
        time.sleep(2)
        empty = unexplained(watched)
    assert empty == []

    rules = [rule for group in watched.get("/api/v1/rules").json()["data"]["groups"] for rule in group["rules"]]
    assert {rule["health"] for rule in rules} == {"ok"}
    woken = [rule["name"] for rule in rules if rule["type"] == "alerting" and rule["state"] == "firing"]
    assert woken == []
    assert len([rule for rule in rules if rule["type"] == "alerting"]) > 20


def test_a_scrape_is_small(one_box: Shop) -> None:
    """All services in one process: what Prometheus keeps for each, and what writing it out costs, is by the series."""
    trade(one_box, 1_000)
    told = client().get(one_box.base_url + "/metrics").text
    series = [line for line in told.splitlines() if line and not line.startswith("#")]

    assert len(series) < MOST_SERIES
    assert not [line for line in series if "_created" in line.partition("{")[0]]
