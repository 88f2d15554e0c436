"""A real Prometheus asks a real platform: every rule is evaluated, every panel of every dashboard shows something."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from e2e_world import Shop, client, order

from shared.testing.ports import free_port

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60.0
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
    "nothing was promised",
    "staff was not asked",
    "too few customers for a model",
    "too little history",
}
# What the gateway tells of itself is asked where there is one: `tests/e2e/test_e2e_gateway.py`.
ELSEWHERE = {"gateway.json"}


@pytest.fixture(scope="module")
def prometheus() -> str:
    found = shutil.which("prometheus")
    if found is None and not os.environ.get("TAM_REQUIRE_PROMETHEUS"):
        pytest.skip("Prometheus is missing (Debian: apt install prometheus)")
    assert found, "Prometheus is missing"
    return found


@pytest.fixture
def watched(prometheus: str, one_box: Shop, tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of a Prometheus that asks the platform each second, with our rules and alerts."""
    port = free_port()
    target = one_box.base_url.removeprefix("http://")
    (tmp_path / "prometheus.yml").write_text(
        f"""
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{ROOT}/deploy/prometheus/rules/*.yml, {ROOT}/deploy/prometheus/alerts/*.yml]
scrape_configs: [{{job_name: tam, static_configs: [{{targets: ["{target}"]}}]}}]
"""
    )
    with (tmp_path / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                prometheus,
                f"--config.file={tmp_path}/prometheus.yml",
                f"--storage.tsdb.path={tmp_path}/tsdb",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            _wait_until_ready(client, process)
            yield client
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_until_ready(client: httpx.Client, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if client.get("/-/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("Prometheus did not come up")


def asked(client: httpx.Client, expr: str) -> list[Any]:
    answer = client.get("/api/v1/query", params={"query": expr}).json()
    assert answer["status"] == "success", (expr, answer)
    return list(answer["data"]["result"])


def expressions() -> dict[str, str]:
    """What is asked, and what its panel says where there is nothing."""
    return {
        target["expr"]: panel["fieldConfig"]["defaults"]["noValue"]
        for path in (ROOT / "deploy" / "grafana" / "dashboards").glob("*.json")
        if path.name not in ELSEWHERE
        for panel in json.loads(path.read_text())["panels"]
        for target in panel.get("targets", ())
    }


def unexplained(client: httpx.Client) -> list[str]:
    """The expressions that find nothing, though their panels have no reason for that."""
    return sorted(expr for expr, why in expressions().items() if why not in EMPTY and not asked(client, expr))


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
