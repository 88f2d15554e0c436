"""`tam contracts`: write the generated contracts and the list of metrics, or check that they are up to date."""

from collections.abc import Iterator
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Annotated

import orjson
import typer

import shared
from services.cli.common import fail, say
from services.registry import SERVICES
from shared.clock import SystemClock
from shared.db.engine import Database, make_engine
from shared.http.app import make_app
from shared.http.auth import KeyRing
from shared.http.openapi import document
from shared.observability.health import Health
from shared.observability.metrics import REGISTRY
from shared.rights.audit import AuditLog
from shared.runtime.contracts import asyncapi, breaking_changes, event_schema, render
from shared.runtime.platform import VERSION

FOLDER = Path(shared.__file__).parent / "contracts"


def generated() -> dict[str, bytes]:
    """Every contract file as it should be, by path below `shared/contracts`."""
    files = {
        "asyncapi.json": render(asyncapi(SERVICES, version=VERSION)),
        "openapi.json": render(openapi()),
        "metrics.md": _metrics().encode(),
    }
    for service in SERVICES:
        for event in service.publishes:
            files[f"events/{event.event_type}.schema.json"] = render(event_schema(event))
    return files


def _metrics() -> str:
    """What Prometheus may ask for, as a page for people."""
    lines = ["# What `/metrics` tells", "", "| metric | type | what it says |", "|---|---|---|"]
    for family in sorted(REGISTRY.collect(), key=attrgetter("name")):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        lines.append(f"| `{name}` | {family.type} | {family.documentation} |")
    return "\n".join(lines) + "\n"


def openapi() -> dict[str, object]:
    """The OpenAPI document of all services; nothing is connected to."""
    nowhere = Database(make_engine("postgresql://nowhere/", schema="platform", pool_size=None), schema="platform")
    app = make_app(
        title="Tâm",
        version=VERSION,
        # Raw routes need a built service; what is said of them does not.
        manifests=[replace(service, raw_routes=None) for service in SERVICES],
        services={},
        databases={},
        keyring=KeyRing(nowhere),
        health=Health(),
        audit=AuditLog(nowhere, SystemClock()),
    )
    return document(app, SERVICES)


def contracts(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if a file is out of date.")] = False,
) -> None:
    """Generate AsyncAPI, OpenAPI and the event schemas; refuses a change that breaks readers of an event."""
    files = generated()
    stale = sorted(name for name, content in files.items() if not _equal(FOLDER / name, content))
    orphans = sorted(name for name in _existing() if name not in files)
    if check:
        if stale or orphans:
            fail(f"Out of date: {', '.join(stale + orphans)}; run `tam contracts`.")
        say(f"{len(files)} contracts are up to date.")
        return
    if orphans:
        fail(f"{', '.join(orphans)}: no service publishes this any more, but consumers may read it. Publish it on.")
    _refuse_breaking(stale, files)
    for name in stale:
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files[name])
    say(f"{len(stale)} of {len(files)} contracts written.")


def _equal(path: Path, content: bytes) -> bool:
    return path.exists() and path.read_bytes() == content


def _existing() -> Iterator[str]:
    return (path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.json"))


def _refuse_breaking(stale: list[str], files: dict[str, bytes]) -> None:
    for name in stale:
        path = FOLDER / name
        if name.startswith("events/") and path.exists():
            problems = breaking_changes(orjson.loads(path.read_bytes()), orjson.loads(files[name]))
            if problems:
                fail(f"{name} breaks its readers: {'; '.join(problems)}. Make a new version instead.")
