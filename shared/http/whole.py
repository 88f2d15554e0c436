"""The description of all services, as the gateway before them serves it: any process has it, whatever it serves itself.

It is the committed contract, but for operators' addresses: behind a gateway each names the service it asks.
"""

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

import orjson

from shared.http.front import front_page
from shared.http.openapi import METHODS, reference

_OPS, _OPS_OF_ONE = "/v1/ops/", "/v1/ops/{service}/"
_SERVICE = {
    "name": "service",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "title": "Service"},
    "description": "Whose: a process shows operators its own service alone.",
}


@lru_cache(maxsize=1)
def contract() -> bytes:
    """The document, as JSON."""
    return orjson.dumps(_whole())


@lru_cache(maxsize=1)
def page() -> str:
    """The page that lists its operations."""
    return reference(_whole())


@lru_cache(maxsize=1)
def front() -> str:
    """The page that a browser opens first."""
    return front_page(_whole())


def _whole() -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads((files("shared") / "contracts" / "openapi.json").read_bytes())
    found["paths"] = dict(_outside(path, item) for path, item in found["paths"].items())
    return found


def _outside(path: str, item: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """An address as it is before the gateway."""
    if not path.startswith(_OPS):
        return path, item
    named = {
        method: {**each, "parameters": [_SERVICE, *each.get("parameters", ())]} if method in METHODS else each
        for method, each in item.items()
    }
    return path.replace(_OPS, _OPS_OF_ONE, 1), named
