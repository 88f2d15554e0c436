"""What fails below the edge tells the client nothing, and the log no values of a statement."""

import traceback

import pytest
from sqlalchemy.exc import DBAPIError

from shared.db.engine import Database
from shared.http.problems import from_unexpected


async def failure(db: Database, sql: str, **values: object) -> DBAPIError:
    with pytest.raises(DBAPIError) as failed:
        async with db.write() as tx:
            await tx.execute(sql, values)
    return failed.value


async def test_a_failed_statement_does_not_quote_its_values(databases: dict[str, Database]) -> None:
    error = await failure(databases["till"], "SELECT no_such_column, :email", email="lan@shop.example")

    assert "no_such_column" in str(error)
    assert "lan@shop.example" not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    ("sql", "value", "status", "code"),
    [
        ("SELECT CAST(:v AS text)", "a\x00b", 422, "invalid"),
        ("SELECT CAST(:v AS bigint)", 2**70, 500, "internal"),
        ("SELECT 1 / CAST(:v AS int)", 0, 500, "internal"),
        ("SELECT pg_terminate_backend(pg_backend_pid()), CAST(:v AS int)", 0, 503, "unavailable"),
    ],
)
async def test_whose_fault_it_was(
    databases: dict[str, Database], sql: str, value: object, status: int, code: str
) -> None:
    refusal = from_unexpected(await failure(databases["till"], sql, v=value))

    assert (refusal.status, refusal.code) == (status, code)


async def test_an_outage_is_ours_but_a_missing_file_is_a_bug() -> None:
    assert from_unexpected(ConnectionRefusedError()).status == 503
    assert from_unexpected(TimeoutError()).status == 503
    assert from_unexpected(FileNotFoundError()).status == 500
