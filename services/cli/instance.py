"""A running instance for a command that sends events: the one that is there, or our own."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx

from services import registry
from services.cli.common import console, open_database, open_keyring
from shared.bus.base import Bus
from shared.bus.choose import open_bus
from shared.config import PlatformSettings
from shared.db.embedded import attach
from shared.db.engine import Database
from shared.errors import UserError
from shared.http.auth import KeyRing
from shared.observability.exporting import exporting
from shared.runtime import garbage
from shared.runtime.platform import VERSION, Platform, Role, open_platform
from shared.runtime.serve import serve
from shared.runtime.service import Service

_READING = ("metrics:read", "profiles:read")


@dataclass(frozen=True, slots=True)
class Instance:
    """Where the API is, and keys for this command."""

    base_url: str
    write_key: str
    secret_key: str
    database_url: str


def url_of(host: str, port: int) -> str:
    """The base URL of an address."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@asynccontextmanager
async def opened(
    settings: PlatformSettings, manifests: Sequence[Service] | None = None, *, role: Role = "all"
) -> AsyncIterator[Platform]:
    """The platform of this process, with a word to the person at the terminal while it comes up.

    It has all services, if none are given.
    """
    manifests = registry.SERVICES if manifests is None else manifests
    where = f"on {settings.data_dir}" if settings.is_embedded else "on your PostgreSQL"
    with console.status(f"Starting {where} …") as status:
        service = f"tam-{manifests[0].name}" if len(manifests) == 1 else "tam"
        with exporting(settings, service=service, role=role, version=VERSION):
            async with open_platform(
                settings, manifests, role=role, rights_holders=registry.RIGHTS_HOLDERS
            ) as platform:
                status.stop()
                garbage.tune()
                yield platform


@asynccontextmanager
async def borrowed_keys(
    ring: KeyRing, *, source: str, scopes: Sequence[str] = _READING
) -> AsyncIterator[tuple[str, str]]:
    """A write key and a key for these scopes that end with the command."""
    write, write_secret = await ring.create("write", f"tam {source}", source=source)
    read, read_secret = await ring.create("secret", f"tam {source}", scopes=scopes)
    try:
        yield write_secret, read_secret
    finally:
        await ring.revoke(write.id)
        await ring.revoke(read.id)


@asynccontextmanager
async def running(
    settings: PlatformSettings, *, source: str, scopes: Sequence[str] = _READING
) -> AsyncIterator[Instance | None]:
    """The instance that already answers at TAM_HOST:TAM_PORT on the same database, with borrowed keys; else None."""
    base_url = url_of(settings.host, settings.port)
    url = settings.database_url or await asyncio.to_thread(attach, settings.data_dir)
    if url is None or not await _answers(base_url):
        yield None
        return
    async with open_keyring(url) as ring, borrowed_keys(ring, source=source, scopes=scopes) as (write, read):
        yield Instance(base_url, write, read, url)


async def _answers(base_url: str) -> bool:
    try:
        async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
            return (await client.get(f"{base_url}/healthz")).status_code == 200
    except httpx.HTTPError:
        return False


async def with_own(
    settings: PlatformSettings,
    sock: socket.socket,
    *,
    source: str,
    work: Callable[[Platform, Instance], Awaitable[None]],
    keep_serving: bool,
    scopes: Sequence[str] = _READING,
) -> None:
    """Start the whole platform in this process, do the work through its API, and go on serving or end.

    Raises:
        KeyboardInterrupt: it was told to stop before the work was done.
    """
    is_done = False
    try:
        async with opened(settings) as platform:

            async def meanwhile(stop: asyncio.Event) -> None:
                nonlocal is_done
                base_url = url_of(*sock.getsockname()[:2])
                try:
                    async with borrowed_keys(platform.keyring, source=source, scopes=scopes) as (write, read):
                        await work(platform, Instance(base_url, write, read, platform.database_url))
                except UserError:
                    if stop.is_set():
                        # What fails while all of it is shut down was stopped, and is no mistake of anybody's.
                        return
                    raise
                is_done = True
                if not keep_serving:
                    stop.set()

            await serve(platform, sock, meanwhile=meanwhile)
    finally:
        sock.close()
    if not is_done:
        raise KeyboardInterrupt


@asynccontextmanager
async def beside(settings: PlatformSettings, url: str) -> AsyncIterator[tuple[Bus, list[tuple[Service, Database]]]]:
    """The bus and the databases of an instance that runs in another process."""
    async with AsyncExitStack() as stack:
        bus = open_bus(settings, url, sole=False)
        await bus.start()
        stack.push_async_callback(bus.stop)
        yield (
            bus,
            [(each, await stack.enter_async_context(open_database(url, each.name))) for each in registry.SERVICES],
        )
