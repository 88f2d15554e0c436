"""`tam import customers`: a firm's own customers through the public ingest API."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from services.cli.common import fail, read_settings, run
from services.cli.orders import SOME_ROWS_WERE_BAD, bring_in
from services.cli.people import COLUMNS, PASSED_OVER, read_customers
from services.cli.purchases import Rules

HELP = (
    "Send the customers of a CSV file: UTF-8, one row per customer, a header with these columns in any order, "
    "separated by commas, semicolons or tabs. An empty cell says nothing, and "
    f"these columns are passed over: {', '.join(PASSED_OVER)}.\n\n"
    + "\n\n".join(f"* {name}: {meaning}" for name, meaning in COLUMNS.items())
    + "\n\nA bad row is reported with its line number and reason on stderr; the rest goes on. Safe to run twice: what "
    "was said later than the row stays. A file of `tam export customers` can be read as it is.\n\n"
    f"Exit code: 0 every row was taken; {SOME_ROWS_WERE_BAD} some rows were bad; 1 it could not be done; "
    "2 wrong arguments or settings."
)


def customers(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The CSV file.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every row; send nothing.")] = False,
    source: Annotated[
        str | None, typer.Option(help="The source these events are said to come from; 'import', if not given.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="A server elsewhere; needs --key, whose source then counts.")] = None,
    key: Annotated[str | None, typer.Option(envvar="TAM_KEY", help="A write key of the server at --url.")] = None,
) -> None:
    """Import customers."""
    settings = read_settings()
    if url is not None and not key:
        fail("--url needs --key, a write key of that server.", 2)
    if url is not None and source is not None:
        fail("--source does not go with --url: the source is that of the write key.", 2)
    rules = Rules(settings.zone, settings.currency, datetime.now(UTC))
    bad = run(
        bring_in(
            settings,
            file,
            lambda: read_customers(file, rules),
            dry_run=dry_run,
            source=source or "import",
            elsewhere=(url, key),
        )
    )
    raise typer.Exit(SOME_ROWS_WERE_BAD if bad else 0)
