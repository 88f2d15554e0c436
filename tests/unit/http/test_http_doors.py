"""No route of any service is open by oversight, and every scope is spelt the same way."""

import re

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from services.registry import SERVICES
from shared.http.openapi import doors

ROUTES = [
    pytest.param(context.original_route, id=f"{sorted(context.methods or ())[0]} {context.path}")
    for service in SERVICES
    for router in service.routers
    for context in iter_route_contexts(router.routes)
    if isinstance(context.original_route, APIRoute)
]


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_wants_a_scope_of_a_known_form(route: APIRoute) -> None:
    scopes = [door.scope for door in doors(route.dependant)]

    assert scopes, f"{route.path} is open to everybody"
    for scope in scopes:
        assert re.fullmatch(r"[a-z]+:(read|write|checkout)", scope)


@pytest.mark.parametrize("route", ROUTES)
def test_who_only_reads_changes_nothing(route: APIRoute) -> None:
    reads = {door.scope.partition(":")[2] for door in doors(route.dependant)} == {"read"}

    assert not (reads and route.methods & {"PUT", "PATCH", "DELETE"}), route.path
