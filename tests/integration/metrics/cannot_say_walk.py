"""A walk over all that metrics answers: every GET route there is, asked in every usual way."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

Document = Mapping[str, Any]


class Question(NamedTuple):
    """A request, and the route that answers it."""

    route: str
    path: str
    parameters: dict[str, str]


# What a parameter may be asked as, by its name; a new one has to be entered here before the walk goes on.
ASKED: Mapping[str, tuple[str, ...]] = {
    "as_of": ("2026-11-01", "1990-01-01", "2026-11-22"),
    "window": ("1", "365"),
    "currency": ("VND", "USD", "CHF", "DONG"),
    "known_at": ("2026-11-21T08:00:00+00:00",),
    "from": ("2026-11-01", "2026-11-21"),
    "to": ("2026-11-21",),
    "before_from": ("2026-08-01",),
    "horizon_days": ("1", "3650"),
    "horizon_months": ("1", "600"),
    "annual_discount": ("0", "1"),
    "share": ("0.5",),
    "at_most": ("0.01", "0.99"),
    "cohorts": ("2",),
    "months": ("3",),
    "days": ("30", "365"),
    "level": ("0.8",),
    "limit": ("1",),
    "believer_at": ("1",),
    "achiever_at": ("1",),
    "channel": ("email",),
    "locale": ("vi",),
    "touchpoint": ("support",),
    "stage": ("after",),
    "staff": ("lan",),
    "question": ("nps",),
    "persona": ("chi-lan",),
    "compare_from": ("2026-08-01",),
    "compare_to": ("2026-08-31",),
}


def questions(openapi: Document, ids: Mapping[str, tuple[str, ...]]) -> Iterator[Question]:
    """Each GET route of metrics as it is asked by default, and once for each value of each of its parameters.

    `ids` are values of what only the running service knows: customers, watches, segments.

    Raises:
        LookupError: a parameter that nobody said how to ask for.
    """
    for route, operations in openapi["paths"].items():
        if not route.startswith("/v1/metrics") or "get" not in operations:
            continue
        parameters = operations["get"].get("parameters", [])
        values = {each["name"]: _values(each, openapi, ids) for each in parameters}
        within = [each["name"] for each in parameters if each["in"] == "path"]
        needed = {each["name"]: values[each["name"]][0] for each in parameters if each["required"]}
        asked = [{}] + [{name: value} for name, found in values.items() if name not in within for value in found]
        for places, each in product(product(*(values[name] for name in within)), asked):
            path = route
            for name, value in zip(within, places, strict=True):
                path = path.replace(f"{{{name}}}", value)
            yield Question(route, path, {k: v for k, v in {**needed, **each}.items() if k not in within})


def _values(parameter: Document, openapi: Document, ids: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    name, schema = parameter["name"], parameter["schema"]
    for given in (ids, ASKED):
        if name in given:
            return given[name]
    kinds = [_resolved(kind, openapi) for kind in (schema, *schema.get("anyOf", ()))]
    found = [
        value for kind in kinds for value in (*kind.get("enum", ()), *([kind["const"]] if "const" in kind else ()))
    ]
    if found:
        return tuple(str(value) for value in found)
    if any(kind.get("type") == "boolean" for kind in kinds):
        return ("true", "false")
    raise LookupError(f"say in ASKED what to ask for as {name}")


def _resolved(schema: Document, openapi: Document) -> Document:
    if "$ref" not in schema:
        return schema
    return openapi["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
