"""Every figure of every route explains itself, and every definition has its formula; by walking what OpenAPI says."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from services.metrics.api import ROUTERS
from services.metrics.domain.definitions import Definition
from services.metrics.domain.formulas import FORMULAS, formula_of
from services.metrics.figures.api import every_definition

# What one must know of a figure to believe it, besides its value.
ASKED = {"definition", "numerator", "denominator", "parameters", "as_of", "time_zone", "staleness_seconds"}
# What a figure's value may be called.
VALUES = {"value", "share", "gap", "predicted", "change", "survival"}
DEFINITIONS: dict[str, Definition] = dict(every_definition())
SOURCES = Path(__file__).parents[3] / "services" / "metrics"


def openapi() -> dict[str, Any]:
    app = FastAPI()
    for router in ROUTERS:
        app.include_router(router)
    return app.openapi()


SCHEMAS: dict[str, Any] = openapi()["components"]["schemas"]
FIGURES = sorted(
    name
    for name, schema in SCHEMAS.items()
    # The `value` of a breakdown is no figure's.
    if "definition" in (known := schema.get("properties", {}).keys()) and VALUES & known and "dimension" not in known
)


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_says_all_one_must_know(name: str):
    assert ASKED - SCHEMAS[name]["properties"].keys() == set()


def test_there_are_figures_of_every_room():
    found = " ".join(FIGURES)
    for room in ("FigureOut", "LineOut", "QuestionGapOut", "PromiseOut", "RateOut", "EstimateOut", "ExplainedOut"):
        assert room in found


def test_what_has_an_interval_of_a_value_is_a_figure():
    """Whoever shows how sure a value is, but not what it is, forgot to make it a figure."""
    loose = {
        name
        for name, schema in SCHEMAS.items()
        if {"value", "interval"} <= schema.get("properties", {}).keys() and "definition" not in schema["properties"]
    }
    assert loose == set()


def test_every_definition_is_whole():
    for name, each in DEFINITIONS.items():
        assert each.id == f"{name}.v1"
        assert min(map(len, (each.en, each.vi, formula_of(each)))) > 3, name
    assert len({each.id for each in DEFINITIONS.values()}) == len(DEFINITIONS)


def test_no_formula_is_of_nothing():
    assert set(FORMULAS) - {each.id for each in DEFINITIONS.values()} == set()


def used_in_code() -> Iterator[str]:
    """Names and ids of figures that the code makes: whatever text stands in it that could be one."""
    for path in SOURCES.rglob("*.py"):
        if path.name in ("definitions.py", "formulas.py"):
            continue
        yield from re.findall(r"""["']([a-z][a-z0-9_]*)(?:\.v1)?["']""", path.read_text(encoding="utf-8"))
        yield from re.findall(r"""f["']((?:mrr|retention|ces)_)\{""", path.read_text(encoding="utf-8"))
        yield from re.findall(r"^ {4}([a-z_]+): (?:int|FigureOut)", path.read_text(encoding="utf-8"), re.MULTILINE)


def test_no_definition_is_of_a_figure_that_nobody_makes():
    used = set(used_in_code())
    unused = {name for name in DEFINITIONS if name not in used}
    made_of_parts = {name for name in unused if any(name.startswith(each) for each in used if each.endswith("_"))}
    assert unused - made_of_parts == set()


def test_no_figure_has_an_id_that_is_not_defined():
    ids = {each.id for each in DEFINITIONS.values()}
    said = set()
    for path in SOURCES.rglob("*.py"):
        if "migrations" not in path.parts and path.name != "formulas.py":
            said |= set(re.findall(r"\b([a-z][a-z0-9_]*\.v1)\b", path.read_text(encoding="utf-8")))
    # How RFM scores: a scheme, no figure.
    assert said - ids == {"quintiles.v1"}
