"""A service is a value: everything the runtime must know of it, on one page."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from starlette.routing import BaseRoute

from shared.bus.base import Bus
from shared.clock import Clock
from shared.config import PlatformSettings, Settings
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.subscription import Subscription
from shared.events.catalogue.rights import RightsAnswered
from shared.events.envelope import Event, EventData
from shared.rights.answering import subscription as hears_requests
from shared.rights.contract import Rights
from shared.rights.marks import Seal
from shared.runtime.verdicts import TableVerdict


@dataclass(frozen=True, slots=True)
class Parts:
    """What the runtime hands to a service's `build`.

    `rights_holders` are the services of the installation that keep something of people, whether they run in this
    process or in another.
    """

    db: Database
    bus: Bus
    clock: Clock
    platform: PlatformSettings
    settings: Settings | None
    seal: Seal
    rights_holders: tuple[str, ...] = ()

    @property
    def zone(self) -> ZoneInfo:
        """The firm's time zone."""
        return self.platform.zone


@dataclass(frozen=True, slots=True)
class Job:
    """Timed work of a service, run by one process at a time; a failure is logged and tried next time."""

    name: str
    every: timedelta
    run: Callable[[Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Projection:
    """Tables that are a function of the log: they can be emptied and rebuilt by `groups`, with the same digest.

    `given` are tables that commands have made, and by which the log is counted: who rebuilds it elsewhere takes them
    along. `unfinished` are tables of what is being counted from the others: emptied with them, and not compared.
    """

    tables: tuple[str, ...]
    groups: tuple[str, ...]
    given: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recovery:
    """Tables that commands have made, and that what the service itself has told of them tells whole.

    `subscription` runs when they are rebuilt, and only then: in empty tables, it makes them anew. `relations` are what
    must come out the same, by name: a table, or a query in parentheses where some of it is told to nobody. `known_to`
    keeps of facts those whose effect a transaction on the live tables sees. `settle` works out, when all is rebuilt and
    before it is compared, what follows from the rows alone.
    """

    subscription: Subscription
    relations: Mapping[str, str]
    known_to: Callable[[ReadTx, Sequence[Event[Any]]], Awaitable[list[Event[Any]]]]
    settle: Callable[[WriteTx], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """One service: its data (`name` is its schema), its URLs, its events, its work.

    `routers` answer under their own paths. `raw_routes` are Starlette routes for hot paths, documented by hand in
    `raw_openapi` (path → operations). `on_verified` hears what became of `recoveries`, and where the live tables are.
    `on_scrape` refreshes gauges before each Prometheus scrape. A service with `rights` hears what people ask of their
    data, and answers it (`shared/rights/`).
    """

    name: str
    build: Callable[[Parts], Any]
    migrations: Path
    routers: tuple[APIRouter, ...] = ()
    raw_routes: Callable[[Any], tuple[BaseRoute, ...]] | None = None
    raw_openapi: Mapping[str, Any] = field(default_factory=dict)
    settings: type[Settings] | None = None
    publishes: tuple[type[EventData], ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    jobs: tuple[Job, ...] = ()
    projections: tuple[Projection, ...] = ()
    recoveries: tuple[Recovery, ...] = ()
    on_verified: Callable[[Any, Database, Sequence[TableVerdict]], Awaitable[None]] | None = None
    follows_identity: bool = False
    rights: Rights | None = None
    on_scrape: Callable[[Any], Awaitable[None]] | None = None
    on_start: Callable[[Any], Awaitable[None]] | None = None
    on_stop: Callable[[Any], Awaitable[None]] | None = None

    def __post_init__(self) -> None:
        """A service that keeps something of people hears their requests, and answers them."""
        if self.rights is not None:
            object.__setattr__(self, "subscriptions", (*self.subscriptions, hears_requests(self.name, self.rights)))
            object.__setattr__(self, "publishes", (*self.publishes, RightsAnswered))
