"""The gateway's list of addresses: each route of the platform goes to the service that answers it, and to no other."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.registry import SERVICES
from shared.db.engine import Database, make_engine
from shared.http.app import make_app
from shared.http.auth import KeyRing
from shared.http.openapi import document
from shared.observability.health import Health

CADDYFILE = (Path(__file__).parents[3] / "deploy" / "gateway" / "Caddyfile").read_text()


def matchers() -> dict[str, list[str]]:
    """The patterns of each named matcher, in the order in which the gateway asks them."""
    found: dict[str, list[str]] = {}
    for name, alone, block in re.findall(r"^\t@(\w+) (?:path ([^\n]*)|\{\n(.*?)^\t\})", CADDYFILE, re.M | re.S):
        lines = [alone] if alone else re.findall(r"^\t\tpath (.*)$", block, re.M)
        found[name] = " ".join(lines).split()
    order = re.findall(r"reverse_proxy @(\w+) \1-api:8000", CADDYFILE)
    return {name: found[name] for name in order}


def fits(pattern: str, path: str) -> bool:
    """Caddy's rule: a `*` at the end takes everything, one within takes what is between two slashes."""
    inner, end = (pattern[:-1], ".*") if pattern.endswith("*") else (pattern, "")
    return re.fullmatch("[^/]*".join(map(re.escape, inner.split("*"))) + end, path) is not None


def taken_by(path: str) -> str | None:
    """The service that the gateway hands an address to."""
    for service, patterns in matchers().items():
        if any(fits(pattern, path) for pattern in patterns):
            return service
    return None


def routes() -> Iterator[tuple[str, str]]:
    nowhere = Database(make_engine("postgresql://nowhere/", schema="platform", pool_size=None), schema="platform")
    for service in SERVICES:
        manifest = replace(service, raw_routes=None)
        keyring, health = KeyRing(nowhere), Health()
        app = make_app(
            title="", version="", manifests=[manifest], services={}, databases={}, keyring=keyring, health=health
        )
        for path in document(app, [manifest])["paths"]:
            if not path.startswith(("/v1/ops/", "/v1/audit")):
                yield service.name, re.sub(r"\{\w+\}", "x", path)


def test_each_route_goes_to_the_service_that_answers_it():
    wrong = {path: taken_by(path) for service, path in routes() if taken_by(path) != service}

    assert wrong == {}, "deploy/gateway/Caddyfile does not send these addresses where they are answered"


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/", "profiles"),
        ("/docs/platform", "profiles"),
        ("/openapi/platform.json", "profiles"),
        ("/v1/audit", "profiles"),
        ("/v1/customers/user_id:u-1/touchpoints", "touchpoints"),
        ("/v1/customers/touchpoints", "profiles"),
        ("/v1/metrics/customers/x/touchpoints", "metrics"),
        ("/metrics", None),
        ("/readyz", None),
        ("/v1/ops/dead-letters", None),
        ("/v1/nothing", None),
    ],
)
def test_what_is_of_the_whole_and_what_stays_inside(path: str, service: str | None):
    assert taken_by(path) == service


def test_the_description_is_that_of_all_services_or_of_one():
    assert "rewrite /openapi.json /openapi/platform.json" in CADDYFILE
    assert "rewrite /docs /docs/platform" in CADDYFILE
    assert all(service.name in CADDYFILE.split("path_regexp openapi")[1] for service in SERVICES)


def test_every_service_has_a_process_behind_the_door():
    assert sorted(matchers()) == sorted(service.name for service in SERVICES)
    assert all(service.name in CADDYFILE.split("path_regexp ops")[1] for service in SERVICES)
