"""SECURITY.md says nothing without a test, names no test that is not there, and leaves no risk out."""

import ast
import re
from pathlib import Path

import pytest

from services.cli.settings import _groups

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
RISKS = re.findall(r"^\| \*\*(API\d+) [^*]+\*\* \|.*$", TEXT, re.MULTILINE)
ROWS = [line for line in TEXT.splitlines() if line.startswith("| **API")]
CITED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TEXT)))


def test_all_ten_risks_are_there_once():
    assert [f"API{number}" for number in range(1, 11)] == RISKS


def test_every_risk_cites_a_test():
    assert [row[:40] for row in ROWS if "`tests/" not in row] == []


@pytest.mark.parametrize(("file", "name"), CITED)
def test_a_cited_test_is_there(file: str, name: str):
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))

    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert not name or name in names, f"{file} has no {name}"


def test_every_setting_it_names_is_one(monkeypatch: pytest.MonkeyPatch):
    """A reader who copies a name from it gets what it says."""
    for name in ("TAM_DATABASE_URL", "TAM_KAFKA_BOOTSTRAP_SERVERS"):
        monkeypatch.delenv(name, raising=False)
    known = {prefix + name.upper() for prefix, group in _groups() for name in type(group).model_fields}
    # Those of docker-compose.yml, which a test of its own holds against it.
    known |= set(re.findall(r"^#?(TAM_\w+)=", (ROOT / ".env.example").read_text(), re.M))
    named = {name.removesuffix("_FILE") for name in re.findall(r"\bTAM_[A-Z_]+[A-Z]", TEXT)}
    assert named - known == set()
