"""The raw routes are documented, and what is documented is there."""

from typing import Any

import orjson
from starlette.routing import Route

from services.touchpoints.app import service
from services.touchpoints.ingest.api import routes
from services.touchpoints.ingest.http import Door
from services.touchpoints.ingest.openapi import OPENAPI
from services.touchpoints.ingest.service import IngestService
from services.touchpoints.settings import TouchpointsSettings
from shared.clock import SystemClock
from shared.http.limits import TokenBuckets


def _routes() -> list[Route]:
    # The bus is not touched by asking for the routes.
    bus: Any = None
    found = routes(IngestService(bus, SystemClock(), TouchpointsSettings(), TokenBuckets(rate=0, burst=1)))
    return [route for route in found if isinstance(route, Route)]


def test_every_route_is_documented_with_its_method() -> None:
    documented = {(path, method.upper()) for path, item in OPENAPI.items() for method in item}

    plain = [route for route in _routes() if not route.path.endswith("/")]

    assert {(route.path, route.endpoint.method) for route in plain if isinstance(route.endpoint, Door)} == documented
    assert {route.path + "/" for route in plain} == {route.path for route in _routes()} - {r.path for r in plain}


def test_the_document_is_json_without_dangling_references() -> None:
    text = orjson.dumps(OPENAPI).decode()

    assert "$defs" not in text
    assert text.count('"$ref"') == text.count('"$ref":"#/components/schemas/Problem"')


def test_operations_have_ids_of_their_own() -> None:
    ids = [operation["operationId"] for item in OPENAPI.values() for operation in item.values()]

    assert len(set(ids)) == len(ids) == len(OPENAPI)


def test_the_manifest_names_what_it_hears_and_says() -> None:
    groups = {each.group for each in service.subscriptions}

    assert groups == {"touchpoints.recorder", "touchpoints.quarantine", "touchpoints.identity", "touchpoints.rights"}
