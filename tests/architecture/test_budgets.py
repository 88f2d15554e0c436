"""The tail is budgeted, not the mean: no file and no function grows beyond what one can read."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAX_FILE_LINES = 500
MAX_TEST_FILE_LINES = 600
MAX_FUNCTION_LINES = 60
SOURCES = sorted(path.relative_to(ROOT) for house in ("services", "shared") for path in (ROOT / house).rglob("*.py"))
TESTS = sorted(path.relative_to(ROOT) for path in (ROOT / "tests").rglob("*.py"))


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize(("files", "most"), [(SOURCES, MAX_FILE_LINES), (TESTS, MAX_TEST_FILE_LINES)])
def test_files_are_short(files: list[Path], most: int):
    lengths = {str(path): len((ROOT / path).read_text().splitlines()) for path in files}

    assert {path: length for path, length in lengths.items() if length > most} == {}


def test_functions_are_short():
    long = {
        f"{path}::{name}": lines
        for path in SOURCES
        if "migrations" not in path.parts
        for name, lines in functions(path)
        if lines > MAX_FUNCTION_LINES
    }

    assert long == {}


def test_every_module_says_what_it_is():
    assert [str(path) for path in SOURCES if not ast.get_docstring(ast.parse((ROOT / path).read_text()))] == []


def test_every_folder_of_modules_is_a_package():
    """The walls do not see a folder without `__init__.py`."""
    folders = {path.parent for path in SOURCES if "versions" not in path.parts}

    assert sorted(str(folder) for folder in folders if not (ROOT / folder / "__init__.py").exists()) == []
