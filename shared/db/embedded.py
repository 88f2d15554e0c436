"""The embedded PostgreSQL: one server per data directory, owned by one process, reached over a private Unix socket.

The owner holds an advisory lock on `tam.lock` for as long as it lives, so a killed owner leaves nothing to clean up;
its server may live on, and the next owner takes it over with all its data. Commands beside a running owner `attach`.
"""

import asyncio
import contextlib
import fcntl
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import IO

import asyncpg

from shared.db.cluster import (
    DATABASE,
    PORT,
    USER,
    forget_recycled_pid,
    make_cluster,
    running,
    serves,
    socket_dir_of,
    write_conf,
)
from shared.db.installation import SystemUser, programs, server_files, server_user
from shared.errors import UserError

LOCK_NAME = "tam.lock"
GUESTS_NAME = "tam.guests"
# A crash recovery replays up to `max_wal_size` of log before the first connection.
START_SECONDS = 300.0
STOP_SECONDS = 60.0
# An owner that is about to end, or an `attach` that looks at the lock, holds it for a moment only.
LOCK_SECONDS = 1.0
ORPHANS_SECONDS = 15.0
WATCH_SECONDS = 1.0
BORROW_SECONDS = 30.0
MAX_LOG_BYTES = 8 * 1024 * 1024


class EmbeddedServer:
    """PostgreSQL on `data_dir`. `start`, use the URL it answers, `stop`.

    `durable=False` gives up what a power cut would take (not what a kill would), for throw-away data of tests only.
    """

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        self._data_dir = data_dir
        self._durable = durable
        self._lock: IO[str] | None = None
        self._pid: int | None = None
        self._cluster = data_dir
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> str:
        """Take the data directory, make the cluster if there is none, start or adopt its server; the URL.

        Raises:
            UserError: another Tâm has the directory, or PostgreSQL cannot run on it.
        """
        try:
            self._lock = await asyncio.to_thread(_take_lock, self._data_dir)
            url = await self._serve()
            self._lock.write(f"{url}\n")
            self._lock.flush()
            return url
        except OSError as error:
            await self.stop()
            raise UserError(f"The database cannot start in {self._data_dir}: {error.strerror or error}.") from error
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop the server (fast: open transactions roll back) and give the directory back."""
        if self._pid is not None:
            await self._end(self._pid)
        self._pid = self._process = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    async def watch(self) -> None:
        """Start the server again whenever it has died, until cancelled."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if self._pid is not None and not self._is_alive(self._pid):
                await self._serve()

    async def _serve(self) -> str:
        place = await asyncio.to_thread(server_files, self._data_dir)
        cluster = self._cluster = place / "data"
        user = server_user(cluster if cluster.exists() else place)
        await asyncio.to_thread(make_cluster, cluster, user, durable=self._durable)
        url = await self._adopt(cluster)
        if url is None:
            url = await self._launch(place, cluster, user)
        return url

    async def _adopt(self, cluster: Path) -> str | None:
        """Take over the server that a killed owner left, if it still answers."""
        found = running(cluster)
        if found is None:
            return None
        self._pid, socket_dir = found
        try:
            return await self._until_ready(socket_dir, patience=10.0)
        except (OSError, TimeoutError, asyncpg.PostgresError):
            await self._end(self._pid)
            return None

    async def _launch(self, place: Path, cluster: Path, user: SystemUser | None) -> str:
        bin_dir = await asyncio.to_thread(programs, user)
        socket_dir = socket_dir_of(place, user)
        write_conf(cluster, socket_dir, durable=self._durable)
        log = place / "postgres.log"
        if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
            log.replace(place / "postgres.log.1")
        deadline = monotonic() + ORPHANS_SECONDS
        while True:
            after_a_crash = forget_recycled_pid(cluster, socket_dir)
            self._process = _popen([bin_dir / "postgres", "-D", cluster], log, user)
            self._pid = self._process.pid
            try:
                return await self._until_ready(socket_dir, patience=START_SECONDS)
            except (OSError, TimeoutError, asyncpg.PostgresError):
                # Backends of a killed server hold its shared memory until they notice.
                if not after_a_crash or monotonic() > deadline or self._process.poll() is None:
                    raise UserError(f"PostgreSQL did not start: {_last_line(log)} (more in {log})") from None
            await asyncio.sleep(0.2)

    async def _until_ready(self, socket_dir: Path, *, patience: float) -> str:
        deadline = monotonic() + patience
        while True:
            try:
                await _ensure_database(socket_dir)
                return url_of(socket_dir)
            except (OSError, asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError):
                if monotonic() > deadline or self._pid is None or not self._is_alive(self._pid):
                    raise
            await asyncio.sleep(0.02)

    def _is_alive(self, pid: int) -> bool:
        if self._process is not None and self._process.pid == pid:
            return self._process.poll() is None
        return serves(pid, self._cluster)

    async def _end(self, pid: int) -> None:
        for number, patience in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)):
            deadline = monotonic() + patience
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            while self._is_alive(pid):
                if monotonic() > deadline:
                    break
                await asyncio.sleep(0.02)
            else:
                return


def url_of(socket_dir: Path) -> str:
    """The URL of the server with its socket in this folder."""
    # The port is in the name of the socket; said here, a stray PGPORT does not count.
    return f"postgresql://{USER}@/{DATABASE}?host={socket_dir}&port={PORT}"


def attach(data_dir: Path) -> str | None:
    """The URL of the server that a running owner serves now, or None; takes nothing."""
    try:
        with (data_dir / LOCK_NAME).open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                # The owner's number, and once it serves, the URL.
                lines = lock.read().splitlines()
                serves_now = len(lines) == 2 and running((data_dir / "pg").resolve() / "data", status="ready")
                return lines[1] if serves_now else None
    except OSError:
        pass
    return None


@contextlib.asynccontextmanager
async def borrowed(data_dir: Path) -> AsyncIterator[str]:
    """The URL of the running owner's server, or of one that is started for the length of the block.

    Raises:
        UserError: as `EmbeddedServer.start`.
    """
    deadline = monotonic() + BORROW_SECONDS
    while True:
        with _guest(data_dir) as is_welcome:
            if is_welcome and (url := attach(data_dir)) is not None:
                yield url
                return
        server = EmbeddedServer(data_dir)
        try:
            url = await server.start()
            break
        except InUse:
            # Its owner does not serve yet, or is about to end.
            if monotonic() > deadline:
                raise
        await asyncio.sleep(0.1)
    try:
        yield url
    finally:
        await _end_after_guests(server, data_dir)


@contextlib.contextmanager
def _guest(data_dir: Path) -> Iterator[bool]:
    """Keep a borrower from stopping the server that others have attached to; False when it is stopping already."""
    with contextlib.ExitStack() as stack:
        try:
            guests = stack.enter_context((data_dir / GUESTS_NAME).open("a"))
            fcntl.flock(guests, fcntl.LOCK_SH | fcntl.LOCK_NB)
            is_welcome = True
        except OSError:
            is_welcome = False
        yield is_welcome


async def _end_after_guests(server: EmbeddedServer, data_dir: Path) -> None:
    with (data_dir / GUESTS_NAME).open("a") as guests:
        try:
            while True:
                try:
                    fcntl.flock(guests, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await asyncio.sleep(0.1)
        finally:
            await server.stop()


class InUse(UserError):
    """Another process owns the data directory."""


def _take_lock(data_dir: Path) -> IO[str]:
    data_dir.mkdir(parents=True, exist_ok=True)
    lock = (data_dir / LOCK_NAME).open("a+")
    deadline = monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if monotonic() > deadline:
                lock.seek(0)
                owner = (lock.read().splitlines() or ["unknown"])[0]
                lock.close()
                raise InUse(
                    f"{data_dir} is in use by another Tâm (process {owner}); stop it, "
                    "or set TAM_DATA_DIR to another folder."
                ) from None
        sleep(0.05)
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def _popen(command: Sequence[str | Path], log: Path, user: SystemUser | None) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        # Its own session: Ctrl-C in the terminal is for us, who then stop it in order.
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd="/",
            **(user.popen_arguments if user else {}),
        )


async def _ensure_database(socket_dir: Path) -> None:
    connection = await asyncpg.connect(
        host=str(socket_dir), port=PORT, user=USER, database="postgres", timeout=10, command_timeout=30
    )
    try:
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()


def _last_line(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - 4_096))
        lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it gave no reason"
