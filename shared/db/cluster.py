"""The embedded server's files: the cluster, its settings, its socket folder, its pid file."""

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from shared.db.installation import MAJOR_VERSION, SystemUser, programs
from shared.errors import UserError

USER = DATABASE = "tam"
PORT = 5432
# sun_path is 108 bytes on Linux and 104 on macOS, with the terminating zero.
MAX_SOCKET_BYTES = 100

_CONF = """\
# Written by Tâm at every start. ALTER SYSTEM is the way to change a setting for good.
listen_addresses = ''
unix_socket_directories = '{socket_dir}'
unix_socket_permissions = 0700
port = {port}
max_connections = 300
shared_buffers = 128MB
dynamic_shared_memory_type = posix
fsync = {durable}
synchronous_commit = on
full_page_writes = {durable}
wal_compression = on
max_wal_size = {log_size}
# A file of the log that was let go of is removed, not used again with its old bytes in it: people can be forgotten.
wal_recycle = off
checkpoint_timeout = 15min
max_locks_per_transaction = 256
autovacuum_naptime = 10s
random_page_cost = 1.1
jit = off
# Small /dev/shm folders (64 MB in containers) break parallel queries.
max_parallel_workers_per_gather = 0
timezone = 'UTC'
log_timezone = 'UTC'
log_checkpoints = off
# Statements and details quote values, which may be personal data.
log_error_verbosity = terse
log_min_error_statement = panic
"""

# The same order of texts on every machine; one sync at the end instead of one per file.
_INITDB = (
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
    "--no-sync",
)


def make_cluster(cluster: Path, user: SystemUser | None, *, durable: bool) -> None:
    """Make the cluster; half of one is never left behind under its name."""
    version = cluster / "PG_VERSION"
    if cluster.exists():
        made_by = version.read_text().strip() if version.exists() else "an unknown version"
        if made_by != str(MAJOR_VERSION):
            raise UserError(
                f"{cluster} was made by PostgreSQL {made_by}, but this Tâm brings PostgreSQL {MAJOR_VERSION}: "
                "move the data with pg_dump, or set TAM_DATA_DIR to another folder."
            )
        return
    draft = cluster.with_name("data.new")
    shutil.rmtree(draft, ignore_errors=True)
    initdb = programs(user) / "initdb"
    as_user = user.popen_arguments if user else {}
    made = subprocess.run(
        [initdb, "-D", draft, "-U", USER, *_INITDB],
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        **as_user,
    )
    if made.returncode == 0 and durable:
        made = subprocess.run(
            [initdb, "-D", draft, "--sync-only"], check=False, capture_output=True, text=True, cwd="/", **as_user
        )
    if made.returncode != 0:
        reason = (made.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UserError(f"PostgreSQL could not make its files in {cluster.parent}: {reason}")
    draft.rename(cluster)


def write_conf(cluster: Path, socket_dir: Path, *, durable: bool) -> None:
    """Write the settings; those of an older Tâm are replaced."""
    # What is thrown away may lie in memory.
    durability = {"durable": "on", "log_size": "2GB"} if durable else {"durable": "off", "log_size": "256MB"}
    conf = _CONF.format(socket_dir=socket_dir, port=PORT, **durability)
    (cluster / "postgresql.conf").write_text(conf)


def socket_dir_of(place: Path, user: SystemUser | None) -> Path:
    """The server's folder, or where its path is too long for a socket, a short private one."""
    # Other characters mean something in settings and URLs.
    if re.fullmatch(r"[A-Za-z0-9/._-]+", str(place)) and len(str(place)) <= MAX_SOCKET_BYTES - len(".s.PGSQL.5432"):
        return place
    owner = user.uid if user else os.geteuid()
    short = Path("/tmp") / f"tam-{owner}-{hashlib.sha256(os.fsencode(place)).hexdigest()[:16]}"
    with contextlib.suppress(FileExistsError):
        short.mkdir(mode=0o700)
        os.chown(short, owner, -1)
    status = short.lstat()
    if short.is_symlink() or status.st_uid != owner or status.st_mode & 0o077:
        raise UserError(f"{short} is not ours alone; remove it, or set TAM_DATA_DIR to a shorter path.")
    return short


def running(cluster: Path, *, status: str | None = None) -> tuple[int, Path] | None:
    """Process and socket folder of the live server of this cluster, as its pid file says."""
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
        pid, socket_dir = int(lines[0]), Path(lines[4])
    except (OSError, ValueError, IndexError):
        return None
    if status is not None and (len(lines) < 8 or lines[7].strip() != status):
        return None
    return (pid, socket_dir) if serves(pid, cluster) else None


def serves(pid: int, cluster: Path) -> bool:
    """Whether this process is the live server of the cluster: no zombie, and no stranger that got its number."""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cwd").readlink() == cluster
        except OSError:
            return False
    # macOS
    shown = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], check=False, capture_output=True, text=True)
    return str(cluster) in shown.stdout


def forget_recycled_pid(cluster: Path, socket_dir: Path) -> bool:
    """Let PostgreSQL see its lock files as stale although a stranger runs under their number; False if there are none.

    In the pid file the number becomes ours: PostgreSQL knows that its parent is no server. The rest of that file
    stays, by which it checks that no orphan of the dead server still has the shared memory.
    """
    (socket_dir / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)
    file = cluster / "postmaster.pid"
    try:
        lines = file.read_text().splitlines()
    except FileNotFoundError:
        return False
    file.write_text("\n".join([str(os.getpid()), *lines[1:], ""]))
    return True
