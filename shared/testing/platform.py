"""The platform as tests run it: in this process over ASGI, or as a process of its own that can be killed."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import httpx

from shared.clock import Clock
from shared.config import PlatformSettings
from shared.runtime.platform import Platform, Role, open_platform
from shared.runtime.progress import settled
from shared.runtime.service import Service
from shared.testing.ports import free_port
from shared.testing.zygote import Forked, Zygote

BASE_URL = "http://tam.test"


@dataclass(frozen=True, slots=True)
class Running:
    """A platform at work in this process, with keys and clients that hold them."""

    platform: Platform
    shop: httpx.AsyncClient
    crm: httpx.AsyncClient
    write_key: str
    secret_key: str

    async def settled(self, *, patience_seconds: float = 60.0) -> None:
        """Wait until every figure is final."""
        await settled(self.platform.bus, self.platform.databases(), patience_seconds=patience_seconds)


@asynccontextmanager
async def running_platform(
    database_url: str | None,
    manifests: Sequence[Service],
    *,
    role: Role = "all",
    clock: Clock | None = None,
    **settings: Any,
) -> AsyncIterator[Running]:
    """Open the platform on a database (None: an embedded one in `data_dir`), start its workers, and hand out clients
    for a shop and a CRM."""
    with tempfile.TemporaryDirectory(prefix="tam-test-") as folder:
        chosen = PlatformSettings(
            **{"database_url": database_url, "database_pool_size": 8, "data_dir": Path(folder), **settings}
        )
        async with _at_work(chosen, manifests, role, clock) as running:
            yield running


@asynccontextmanager
async def _at_work(
    chosen: PlatformSettings, manifests: Sequence[Service], role: Role, clock: Clock | None
) -> AsyncIterator[Running]:
    async with open_platform(chosen, manifests, role=role, clock=clock) as platform, asyncio.TaskGroup() as group:
        working = group.create_task(platform.workers.run())
        _, write_key = await platform.keyring.create("write", "test shop", source="web")
        _, secret_key = await platform.keyring.create("secret", "test CRM", scopes=("*",))
        transport = httpx.ASGITransport(app=platform.app, raise_app_exceptions=False)
        async with (
            httpx.AsyncClient(transport=transport, base_url=BASE_URL, auth=(write_key, "")) as shop,
            httpx.AsyncClient(
                transport=transport, base_url=BASE_URL, headers={"Authorization": f"Bearer {secret_key}"}
            ) as crm,
        ):
            yield Running(platform, shop, crm, write_key, secret_key)
        await platform.workers.drain()
        working.cancel()


class PlatformProcess:
    """`tam serve` as a process of its own: start, kill, freeze, stop."""

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        log: Path,
        arguments: Sequence[str] = (),
        port: int | None = None,
        zygote: Zygote | None = None,
    ) -> None:
        """`zygote` forks it, with fault points and the tally service, instead of starting a Python anew."""
        self.port = port or free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.log = log
        self._zygote = zygote
        self._arguments = arguments
        self._environ = {**_clean_environ(), **environ, "TAM_PORT": str(self.port), "TAM_LOG_FORMAT": "json"}
        self._process: subprocess.Popen[bytes] | Forked | None = None

    @property
    def pid(self) -> int:
        """The process id of the running process."""
        assert self._process is not None
        return self._process.pid

    async def start(self, *, environ: Mapping[str, str] | None = None, patience_seconds: float = 60.0) -> None:
        """Start and wait until it is ready; `environ` adds to the environment for this start only."""
        self.launch(environ=environ)
        await self.ready(patience_seconds=patience_seconds)

    def launch(self, *, environ: Mapping[str, str] | None = None) -> None:
        """Start without waiting."""
        arguments, complete = ("serve", *self._arguments), {**self._environ, **(environ or {})}
        if self._zygote is not None:
            self._process = self._zygote.spawn(arguments, environ=complete, log=self.log)
            return
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services", *arguments],
                env=complete,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def is_running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    async def ended(self, *, patience_seconds: float = 60.0) -> int:
        """Wait until it ends by itself; the exit code, negative for a signal.

        Raises:
            TimeoutError: it lives on.
        """
        assert self._process is not None
        try:
            return await asyncio.to_thread(self._process.wait, patience_seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"the platform still runs after {patience_seconds:.0f} s") from None

    async def frozen(self, *, patience_seconds: float = 60.0) -> None:
        """Wait until it has stopped itself with SIGSTOP.

        Raises:
            TimeoutError: it goes on.
        """
        deadline = monotonic() + patience_seconds
        while not _is_frozen(self.pid):
            if monotonic() > deadline:
                raise TimeoutError("the platform did not freeze")
            await asyncio.sleep(0.02)

    async def ready(self, *, patience_seconds: float = 60.0) -> None:
        """Wait until `/readyz` says so.

        Raises:
            TimeoutError: it did not come up; the message holds the end of its log.
        """
        deadline = monotonic() + patience_seconds
        async with httpx.AsyncClient(base_url=self.base_url, timeout=2) as client:
            while monotonic() < deadline and self._process is not None and self._process.poll() is None:
                with contextlib.suppress(httpx.HTTPError):
                    if (await client.get("/readyz")).status_code == 200:
                        return
                await asyncio.sleep(0.05)
        tail = self.log.read_text(errors="replace")[-4000:]
        raise TimeoutError(f"the platform did not become ready; its log ends:\n{tail}")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, e.g. SIGSTOP."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """`kill -9`, and wait for the end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    async def stop(self, *, patience_seconds: float = 40.0) -> int:
        """SIGTERM; the exit code."""
        if self._process is None:
            return 0
        self._process.terminate()
        try:
            return await asyncio.to_thread(self._process.wait, patience_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise TimeoutError("the platform did not stop when asked") from None


def _is_frozen(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def _clean_environ() -> dict[str, str]:
    """Our environment without any `TAM_` setting of the person who runs the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TAM_")}
