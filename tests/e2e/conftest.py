"""Platforms in processes of their own, shared by the tests of a session where they do not disturb one another."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e_world import Shop, fresh, make_keys, serving


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where processes write their logs."""
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="session")
def one_box(pg_url: str, logs: Path) -> Iterator[Shop]:
    """A firm's own PostgreSQL, everything in one process. Tests tell their customers apart by ids."""
    with fresh(pg_url) as url:
        environ = {"TAM_DATABASE_URL": url}
        write, secret = make_keys(**environ)
        with serving(logs / "one-box.log", **environ) as process:
            yield Shop(process.base_url, write, secret, environ)


@pytest.fixture
def empty_shop(pg_url: str, logs: Path) -> Iterator[Shop]:
    """A platform of a test's own, where totals are that test's alone."""
    with fresh(pg_url) as url:
        environ = {"TAM_DATABASE_URL": url}
        write, secret = make_keys(**environ)
        with serving(logs / "own.log", **environ) as process:
            yield Shop(process.base_url, write, secret, environ)
