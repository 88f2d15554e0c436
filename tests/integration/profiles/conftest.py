"""A profiles service on a real database, and a mirror: another service that follows what it announces."""

from collections.abc import AsyncIterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from profiles_world import HandClock, World

import shared
from services.profiles.app import service as manifest
from services.profiles.domain.facts import Reader
from services.profiles.domain.identifiers import Blocklist
from services.profiles.rights.service.installation import Installation
from services.profiles.service import ProfilesService
from services.profiles.settings import ProfilesSettings
from shared.bus.postgres import PostgresBus
from shared.db.engine import Database, make_engine
from shared.db.migrate import Tree, upgrade
from shared.delivery.outbox import OutboxWriter
from shared.rights.marks import Seal

SHARED = Path(shared.__file__).parent


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """Profiles with its schema, and a schema `mirror` that has the mapping alone."""
    outbox = OutboxWriter()
    db = Database(make_engine(database_url, schema="profiles"), schema="profiles", outbox=outbox)
    mirror = Database(make_engine(database_url, schema="mirror"), schema="mirror")
    await upgrade(
        db.engine,
        [
            Tree(SHARED / "delivery" / "migrations", "profiles", "alembic_delivery"),
            Tree(SHARED / "identity" / "migrations", "profiles", "alembic_identity"),
            Tree(SHARED / "rights" / "migrations", "profiles", "alembic_rights"),
            Tree(manifest.migrations, "profiles", "alembic_version"),
            Tree(SHARED / "identity" / "migrations", "mirror", "alembic_identity"),
        ],
    )
    clock = HandClock()
    settings = ProfilesSettings()
    reader = Reader(blocklist=Blocklist(), max_trait_bytes=settings.max_trait_bytes, phone_country="VN")
    zone = ZoneInfo("Asia/Ho_Chi_Minh")
    here = Installation(Seal(bytes(32)), PostgresBus(database_url), ("profiles",), is_alone=False)
    service = ProfilesService(db, clock, settings, reader, zone, here)
    yield World(db, mirror, service, clock)
    await db.dispose()
    await mirror.dispose()
