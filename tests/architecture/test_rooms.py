"""Every service has the same rooms and no others, and a room calls only rooms below it.

A service that outgrew its files is split by subject: `services/loyalty/points/service.py` is the same room one floor
down. Rooms of one kind may call each other across subjects.
"""

from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
FLOORS = (
    {"app"},
    {"api", "consumers", "jobs"},
    {"service"},
    {"schemas"},
    {"repository", "settings"},
    {"domain"},
    {"errors"},
)
FLOOR_OF = {room: number for number, floor in enumerate(FLOORS) for room in floor}
# The hot ingest edge speaks raw ASGI and three dialects: one api room of several pages.
API_PAGES = {f"services.touchpoints.ingest.{page}" for page in ("http", "sdk", "openapi")}
SERVICES = sorted(folder.parent.name for folder in (ROOT / "services").glob("*/app.py"))


def strangers(folder: Path, *, may_split: bool) -> list[str]:
    """What stands in a service's folder and is no room."""
    found: list[str] = []
    for entry in sorted(folder.iterdir()):
        module = ".".join(entry.relative_to(ROOT).with_suffix("").parts)
        if entry.name in ("__init__.py", "__pycache__", "migrations") or entry.stem in FLOOR_OF or module in API_PAGES:
            continue
        if entry.is_dir() and may_split and (entry / "__init__.py").exists():
            found += strangers(entry, may_split=False)
            continue
        found.append(str(entry.relative_to(ROOT)))
    return found


def room_of(module: str) -> str | None:
    """The room a module belongs to: `services.loyalty.points.domain.tiers` is in `domain`."""
    if module in API_PAGES:
        return "api"
    return next((part for part in module.split(".")[2:] if part in FLOOR_OF), None)


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("services", cache_dir=None)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_only_rooms(service: str):
    assert strangers(ROOT / "services" / service, may_split=True) == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_room_calls_only_rooms_below_it(service: str, graph: grimp.ImportGraph):
    upward = []
    for module in graph.find_descendants(f"services.{service}"):
        for target in graph.find_modules_directly_imported_by(module):
            here, there = room_of(module), room_of(target)
            if not target.startswith(f"services.{service}.") or here is None or there is None or here == there:
                continue
            if FLOOR_OF[here] >= FLOOR_OF[there]:
                upward.append(f"{module} -> {target}")

    assert upward == []


@pytest.mark.parametrize("service", SERVICES)
def test_the_manifest_is_one_page(service: str):
    assert len((ROOT / "services" / service / "app.py").read_text().splitlines()) < 60


@pytest.mark.parametrize("service", SERVICES)
def test_the_card_says_what_the_service_owns(service: str):
    card = (ROOT / "services" / service / "__init__.py").read_text().lower()

    assert [word for word in ("owns", "publishes", "consumes") if word not in card] == []
