"""ARCHITECTURE.md promises nothing without a test, and names no test that is not there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
CITED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TEXT)))
PROMISES = [line for line in TEXT.splitlines() if line.startswith("| **")]


@pytest.mark.parametrize(("file", "name"), CITED)
def test_a_cited_test_is_there(file: str, name: str):
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))

    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert not name or name in names, f"{file} has no {name}"


def test_every_promise_cites_a_test():
    assert PROMISES
    assert [line for line in PROMISES if "`tests/" not in line] == []


def test_every_file_named_is_there():
    named = re.findall(r"`((?:services|shared)/[\w/]+(?:\.py|/|\.json))`", TEXT)
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []
