"""Rules, alerts and dashboards as files: as drawn, each alert explained, firing when it should and only then."""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest
import yaml

from shared.observability.metrics import REGISTRY

ROOT = Path(__file__).parents[3]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = sorted([*PROMETHEUS.glob("rules/*.yml"), *PROMETHEUS.glob("alerts/*.yml")])
CASES = sorted(PROMETHEUS.glob("tests/*.yml"))
GRID_WIDTH = 24
GRAFANA = json.loads((ROOT / "tests" / "deploy" / "grafana-dashboard.json").read_text())
DASHBOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None and not os.environ.get("TAM_REQUIRE_PROMETHEUS"):
        pytest.skip("promtool is missing (Debian: apt install prometheus)")
    assert found, "promtool is missing"
    return found


@pytest.fixture(scope="module")
def drawing() -> ModuleType:
    folder = str(ROOT / "deploy" / "grafana")
    sys.path.insert(0, folder)
    try:
        importlib.import_module("drawing.panels")
        return importlib.import_module("drawing")
    finally:
        sys.path.remove(folder)


def rules() -> Iterator[dict[str, Any]]:
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def expressions() -> Iterator[str]:
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (rule["expr"] for rule in rules())


def run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_dashboards_are_as_drawn(drawing: ModuleType) -> None:
    drawn = {f"{each.file}.json": drawing.panels.drawn(each) for each in drawing.DASHBOARDS}

    assert {path.name: path.read_text() for path in DASHBOARDS} == drawn


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_dashboards_fit_the_types_of_grafana(path: Path) -> None:
    """Of the version that `docker-compose.yml` names: an unknown field, option or word is refused."""
    jsonschema.Draft7Validator(GRAFANA).validate(json.loads(path.read_text()))


def test_the_types_of_grafana_would_refuse_a_mistake() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    assert "grafana/grafana:12.2.0" in compose, "tests/deploy/grafana-dashboard.json is of another version"
    right = json.loads((ROOT / "deploy" / "grafana" / "dashboards" / "overview.json").read_text())
    number = next(place for place, panel in enumerate(right["panels"]) if panel["type"] == "stat")
    for field, wrong in (("options", {"colorMode": "rainbow"}), ("titel", "NPS"), ("targets", [{"refId": "A"}])):
        panels = [*right["panels"]]
        panels[number] = {**panels[number], field: wrong}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft7Validator(GRAFANA).validate({**right, "panels": panels})


def test_every_panel_has_its_place_and_says_what_it_shows() -> None:
    """Nothing overlaps, a row of the grid is full, and an empty panel says why it is empty."""
    for path in DASHBOARDS:
        taken: set[tuple[int, int]] = set()
        titles: list[str] = []
        for panel in (each for each in json.loads(path.read_text())["panels"] if each["type"] != "row"):
            place = panel["gridPos"]
            cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
            assert not cells & taken, (path.name, panel["title"])
            assert max(x for x, _ in cells) < GRID_WIDTH
            taken |= cells
            titles.append(panel["title"])
            assert panel["description"][-1] in ".…"
            assert panel["fieldConfig"]["defaults"]["noValue"]
        assert sorted(titles) == sorted(set(titles)), path.name


def test_executives_see_churn_value_and_satisfaction_beside_their_targets() -> None:
    overview = json.loads((ROOT / "deploy" / "grafana" / "dashboards" / "overview.json").read_text())
    first = [panel for panel in overview["panels"] if panel["type"] == "stat"][:4]
    asked = {panel["title"]: [target["expr"] for target in panel["targets"]] for panel in first}

    assert list(asked) == ["Lapse in 90 days", "Subscriber churn", "Lifetime value", "NPS"]
    for now, target, ahead in asked.values():
        assert "tam_metrics_target{figure=" in target
        assert {now in ahead, target in ahead} == {True}


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_rules_can_be_read(promtool: str, path: Path) -> None:
    run(promtool, "check", "rules", path)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should_and_only_then(promtool: str, path: Path) -> None:
    run(promtool, "test", "rules", path)


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    fires, silent = set(), set()
    for path in CASES:
        for case in yaml.safe_load(path.read_text())["tests"]:
            for each in case.get("alert_rule_test", ()):
                (fires if each.get("exp_alerts") else silent).add(each["alertname"])
    names = {each["alert"] for each in alerts()}
    assert (names - fires, names - silent) == (set(), set())


def test_every_alert_says_how_bad_it_is_and_has_its_paragraph() -> None:
    runbook = (ROOT / "deploy" / "RUNBOOK.md").read_text()
    paragraphs = dict(re.findall(r"^### (\w+)\n(.+)$", runbook, re.MULTILINE))
    assert {each["labels"]["severity"] for each in alerts()} <= {"page", "ticket"}
    for each in alerts():
        assert each["annotations"]["runbook"] == f"deploy/RUNBOOK.md#{each['alert'].lower()}"
        assert len(paragraphs[each["alert"]]) > 60, each["alert"]
    assert set(paragraphs) == {each["alert"] for each in alerts()}


def test_what_is_asked_for_is_told_by_somebody() -> None:
    families = {family.name: family.type for family in REGISTRY.collect()}
    told = {"up", *(rule["record"] for rule in rules() if "record" in rule)}
    for name, kind in families.items():
        told |= {"counter": {f"{name}_total"}, "histogram": {f"{name}_bucket"}}.get(kind, {name})
    asked = {word for expr in expressions() for word in re.findall(r"\b(?:\w+:)*tam_\w+(?::\w+)*|\bup\b", expr)}
    assert asked - told == set()
    assert len(asked) > 50
