"""Rules, alerts and dashboards as files: as drawn, each alert explained, firing when it should and only then."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from shared.observability.metrics import REGISTRY

ROOT = Path(__file__).parents[3]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = sorted([*PROMETHEUS.glob("rules/*.yml"), *PROMETHEUS.glob("alerts/*.yml")])
CASES = sorted(PROMETHEUS.glob("tests/*.yml"))
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
    spec = importlib.util.spec_from_file_location("dashboards", ROOT / "deploy" / "grafana" / "dashboards.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
    assert {path.name: path.read_text() for path in DASHBOARDS} == drawing.dashboards()


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
