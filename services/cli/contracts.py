"""`tam contracts`: write the generated contracts, or check that they are up to date."""

from pathlib import Path
from typing import Annotated

import typer
from shared.http.app import openapi_document

import shared
from services.cli.common import console, fail
from services.registry import SERVICES
from shared.runtime.contracts import asyncapi, breaking_changes, event_schema, render
from shared.runtime.platform import VERSION

FOLDER = Path(shared.__file__).parent / "contracts"


def generated() -> dict[str, bytes]:
    """Every contract file as it should be, by path below `shared/contracts`."""
    files = {
        "asyncapi.json": render(asyncapi(SERVICES, version=VERSION)),
        "openapi.json": render(openapi_document(SERVICES, title="Tâm", version=VERSION)),
    }
    for service in SERVICES:
        for event in service.publishes:
            files[f"events/{event.event_type}.schema.json"] = render(event_schema(event))
    return files


def contracts(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if a file is out of date.")] = False,
) -> None:
    """Generate AsyncAPI, OpenAPI and the event schemas; refuses a change that breaks readers of an event."""
    files = generated()
    stale = [name for name, content in files.items() if not _equal(FOLDER / name, content)]
    if check:
        if stale:
            fail(f"Out of date: {', '.join(stale)}; run `tam contracts`.")
        console.print(f"{len(files)} contracts are up to date.")
        return
    _refuse_breaking(stale)
    for name in stale:
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files[name])
    console.print(f"{len(stale)} of {len(files)} contracts written.")


def _equal(path: Path, content: bytes) -> bool:
    return path.exists() and path.read_bytes() == content


def _refuse_breaking(stale: list[str]) -> None:
    import orjson

    for service in SERVICES:
        for event in service.publishes:
            path = FOLDER / f"events/{event.event_type}.schema.json"
            if str(path.relative_to(FOLDER)) in stale and path.exists():
                problems = breaking_changes(orjson.loads(path.read_bytes()), event_schema(event))
                if problems:
                    fail(f"{event.event_type} breaks its readers: {'; '.join(problems)}. Make a new version instead.")
