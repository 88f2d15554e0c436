"""Opens what a process needs in order, runs it, and closes it in the opposite order.

settings → PostgreSQL → migrations → bus and topics → keys → services → relays, consumers, jobs → HTTP.
On SIGTERM: readiness off, HTTP finishes what it has, consumers finish their batch, relays empty the outbox, the rest
closes. A `kill -9` at any point loses nothing: all of this is only politeness.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from typing import Any, Literal
from uuid import UUID

import httpx
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.bus.base import Bus, BusUnavailable
from shared.bus.choose import open_bus
from shared.clock import Clock, SystemClock
from shared.config import PlatformSettings, load
from shared.db.embedded import EmbeddedServer
from shared.db.engine import Database, make_engine
from shared.db.migrate import Tree, behind, upgrade
from shared.delivery.batches import BoundHandler
from shared.delivery.lookout import Lookout
from shared.delivery.outbox import OutboxWriter
from shared.delivery.relay import Relay
from shared.delivery.runner import Runner
from shared.delivery.subscription import Subscription
from shared.errors import UserError
from shared.events.topics import TOPICS
from shared.http.app import make_app
from shared.http.auth import KeyRing
from shared.http.limits import Guesses
from shared.http.oidc import TokenVerifier
from shared.http.settings import AUTH_PREFIX, HTTP_PREFIX, AuthSettings, HttpSettings
from shared.ids import uuid7
from shared.observability import metrics
from shared.observability.health import Health
from shared.observability.logging import logger
from shared.rights.audit import AuditLog
from shared.rights.cleaning import Cleaner
from shared.rights.marks import Seal, open_seal
from shared.rights.suppression import admit
from shared.runtime.patience import patiently
from shared.runtime.service import Job, Parts, Service
from shared.runtime.trees import PLATFORM_SCHEMA, trees_of
from shared.runtime.workers import Workers

log = logger(__name__)

Role = Literal["all", "api", "worker"]
VERSION = version("tam")
OLDEST_POSTGRESQL = 15
CLEAN_EVERY = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Unit:
    """One service as it runs: its manifest, its database, its outbox, the built value."""

    manifest: Service
    db: Database
    outbox: OutboxWriter
    value: Any


@dataclass
class Platform:
    """A process of the platform, opened but not yet working."""

    settings: PlatformSettings
    role: Role
    database_url: str
    bus: Bus
    keyring: KeyRing
    units: Mapping[str, Unit]
    health: Health
    app: FastAPI
    workers: Workers
    owner: UUID = field(default_factory=uuid7)

    def databases(self) -> list[tuple[Service, Database]]:
        """Each service's manifest with its database."""
        return [(unit.manifest, unit.db) for unit in self.units.values()]

    def value(self, name: str) -> Any:
        """The built service of that name."""
        return self.units[name].value


@asynccontextmanager
async def open_platform(
    settings: PlatformSettings,
    manifests: Sequence[Service],
    *,
    role: Role = "all",
    clock: Clock | None = None,
    rights_holders: Sequence[str] = (),
) -> AsyncIterator[Platform]:
    """Open a process of the platform; leaving the block drains and closes it.

    `rights_holders` are the services of the installation that keep something of people, where this process runs some.

    Raises:
        UserError: something the operator must mend, in one sentence.
    """
    clock = clock or SystemClock()
    service_settings = load_service_settings(manifests)
    http = load(HttpSettings, prefix=HTTP_PREFIX)
    metrics.BUILD.labels(VERSION).set(1)
    health, workers = Health(), Workers()
    async with AsyncExitStack() as stack:
        url = settings.database_url or await _embedded(settings, stack, workers)
        await _up_to_date(settings, url, manifests)
        bus = await _bus(settings, url, stack)
        health.add("bus", bus.ready)
        platform_db = Database(make_engine(url, schema=PLATFORM_SCHEMA, pool_size=4), schema=PLATFORM_SCHEMA)
        stack.push_async_callback(platform_db.dispose)
        # With Kafka the door takes events without a database; with the PostgreSQL log the bus tells.
        health.add("database", platform_db.ready, is_vital=False)
        seal = await open_seal(platform_db, settings.installation_key)
        common = _Common(settings, url, bus, clock, seal, tuple(rights_holders) or _holders(manifests))
        keyring = KeyRing(platform_db, clock=clock, guesses=Guesses(http.bad_keys_per_minute))
        audit = AuditLog(platform_db, clock)
        workers.add_work("noting key use", keyring.run)
        workers.add_work("writing the audit log", audit.run)
        units: dict[str, Unit] = {}
        for manifest in manifests:
            unit = units[manifest.name] = _build(manifest, service_settings, common)
            stack.push_async_callback(unit.db.dispose)
        if role != "api":
            _put_to_work(workers, units.values(), common)
            health.add("workers", workers.ready)
        app = make_app(
            title="Tâm",
            version=VERSION,
            manifests=[unit.manifest for unit in units.values()] if role != "worker" else [],
            services={name: unit.value for name, unit in units.items()},
            databases={name: unit.db for name, unit in units.items()},
            keyring=keyring,
            health=health,
            audit=audit,
            bus=bus,
            tokens=await _tokens(stack),
            settings=http,
            scrapes=[(unit.manifest.on_scrape, unit.value) for unit in units.values() if unit.manifest.on_scrape],
        )
        for unit in units.values():
            await _start(unit, stack)
        yield Platform(settings, role, url, bus, keyring, units, health, app, workers)


def load_service_settings(manifests: Sequence[Service]) -> Mapping[str, Any]:
    """Each service's settings, from `TAM_<NAME>_…`."""
    return {
        manifest.name: load(manifest.settings, prefix=settings_prefix(manifest))
        for manifest in manifests
        if manifest.settings is not None
    }


def settings_prefix(manifest: Service) -> str:
    """`TAM_LOYALTY_` for the service `loyalty`."""
    return _prefix(manifest.name)


def _prefix(service: str) -> str:
    return f"TAM_{service.upper()}_"


def read_settings(services: Iterable[str]) -> PlatformSettings:
    """The platform's own settings; those of the services of these names and of the edge are read where they are used.

    Raises:
        ConfigError: a value is wrong, or a `TAM_` variable is nobody's.
    """
    return load(PlatformSettings, known_prefixes=[*map(_prefix, services), AUTH_PREFIX, HTTP_PREFIX])


async def migrate(url: str, manifests: Sequence[Service], *, apply: bool = True) -> list[Tree]:
    """Bring all schemas up to date, or refuse to start where they are not; the trees.

    Raises:
        UserError: the schemas are behind and `apply` is off, or the server cannot be reached, refuses us or is too old.
    """
    trees = trees_of(manifests)
    engine = make_engine(url, schema="public", pool_size=None)
    try:
        await _reach(engine, is_certified="sslcert=" in url)
        if apply:
            await upgrade(engine, trees, waits=_tell)
        elif late := await _late(engine, trees):
            raise UserError(f"The schemas {', '.join(sorted(set(late)))} are not up to date; run `tam migrate` first.")
    finally:
        await engine.dispose()
    return trees


def _tell(schemas: Sequence[str]) -> None:
    log.warning("migration_waits", schemas=schemas)


async def _late(engine: AsyncEngine, trees: Sequence[Tree]) -> list[str]:
    try:
        return await behind(engine, trees)
    except DBAPIError as error:
        raise UserError(f"PostgreSQL does not tell whether the schemas are up to date: {error.orig}.") from error


async def _reach(engine: AsyncEngine, *, is_certified: bool) -> None:
    try:
        async with engine.connect() as connection:
            number = int(await connection.scalar(text("SHOW server_version_num")))
            encoding = await connection.scalar(text("SHOW server_encoding"))
    except (OSError, TimeoutError) as error:
        raise UserError(f"PostgreSQL cannot be reached: {error or type(error).__name__}.") from error
    except DBAPIError as error:
        # Whose certificate a server does not believe it tells nothing: with TLS 1.3 it hangs up.
        ours = " Does it believe the sslcert of TAM_DATABASE_URL?" if is_certified else ""
        raise UserError(f"PostgreSQL refuses the connection: {error.orig}.{ours}") from error
    if number < OLDEST_POSTGRESQL * 10_000:
        raise UserError(f"PostgreSQL {number // 10_000} is too old: {OLDEST_POSTGRESQL} or newer is needed.")
    if encoding != "UTF8":
        raise UserError(f"The database is encoded in {encoding}; make it anew with ENCODING 'UTF8'.")


async def _embedded(settings: PlatformSettings, stack: AsyncExitStack, workers: Workers) -> str:
    server = EmbeddedServer(settings.data_dir)
    url = await server.start()
    stack.push_async_callback(server.stop)
    workers.add_work("embedded PostgreSQL", server.watch)
    return url


async def _up_to_date(settings: PlatformSettings, url: str, manifests: Sequence[Service]) -> None:
    bring = partial(migrate, url, manifests, apply=settings.auto_migrate)
    await patiently(settings.start_patience_seconds, bring)


async def _bus(settings: PlatformSettings, url: str, stack: AsyncExitStack) -> Bus:
    bus = open_bus(settings, url, sole=settings.is_embedded)
    stack.push_async_callback(bus.stop)
    await patiently(settings.start_patience_seconds, partial(connect, bus, settings.partitions))
    return bus


async def connect(bus: Bus, partitions: int) -> None:
    """Reach the bus, and make the topics that are not there, with so many partitions.

    Raises:
        UserError: the bus does not answer.
    """
    try:
        await bus.start()
        await bus.ensure_topics(TOPICS, partitions=partitions)
    except BusUnavailable as error:
        raise UserError(f"The event bus cannot be reached: {error}.") from error


async def _tokens(stack: AsyncExitStack) -> TokenVerifier | None:
    settings = load(AuthSettings, prefix=AUTH_PREFIX)
    if settings.jwks_url is None:
        return None
    client = await stack.enter_async_context(httpx.AsyncClient(follow_redirects=False))
    return TokenVerifier(settings, client)


def _holders(manifests: Sequence[Service]) -> tuple[str, ...]:
    return tuple(manifest.name for manifest in manifests if manifest.rights is not None)


@dataclass(frozen=True, slots=True)
class _Common:
    """What all services of the process share."""

    settings: PlatformSettings
    url: str
    bus: Bus
    clock: Clock
    seal: Seal
    rights_holders: tuple[str, ...]


def _build(manifest: Service, service_settings: Mapping[str, Any], common: _Common) -> Unit:
    outbox = OutboxWriter()
    engine = make_engine(common.url, schema=manifest.name, pool_size=common.settings.database_pool_size)
    db = Database(engine, schema=manifest.name, outbox=outbox)
    parts = Parts(
        db=db,
        bus=common.bus,
        clock=common.clock,
        platform=common.settings,
        settings=service_settings.get(manifest.name),
        seal=common.seal,
        rights_holders=common.rights_holders,
    )
    return Unit(manifest, db, outbox, manifest.build(parts))


async def _start(unit: Unit, stack: AsyncExitStack) -> None:
    if unit.manifest.on_start is not None:
        await unit.manifest.on_start(unit.value)
    if unit.manifest.on_stop is not None:
        stack.push_async_callback(unit.manifest.on_stop, unit.value)


def _put_to_work(workers: Workers, units: Iterable[Unit], common: _Common) -> None:
    """Give each service its relay, its consumers and its jobs."""
    owner = uuid7()
    for unit in units:
        workers.add_relay(Relay(db=unit.db, bus=common.bus, outbox=unit.outbox, owner=owner))
        lookout = Lookout(unit.db)
        for subscription in unit.manifest.subscriptions:
            workers.add_runner(subscription.group, partial(_runner, unit, subscription, lookout, common))
        workers.add_jobs(unit.manifest, unit.value, unit.db, owner)
        if unit.manifest.rights is not None:
            cleaner = Cleaner(unit.manifest.name, unit.db, common.bus, common.clock, unit.manifest.rights)
            workers.add_job(Job("rights", CLEAN_EVERY, Cleaner.run), unit.manifest.name, cleaner, unit.db, owner)


def _runner(unit: Unit, subscription: Subscription, lookout: Lookout, common: _Common) -> Runner:
    handler: BoundHandler = partial(subscription.handler, unit.value)
    rights = unit.manifest.rights
    if rights is not None and not rights.keeps_facts:
        owns_log = bool(rights.topics)
        handler = partial(admit, common.seal, subscription.group, handler, owns_log=owns_log)
    return Runner(
        group=subscription.group,
        events=subscription.events,
        handler=handler,
        db=unit.db,
        bus=common.bus,
        clock=common.clock,
        max_batch=subscription.max_batch,
        is_idempotent=subscription.is_idempotent,
        lookout=lookout,
    )
