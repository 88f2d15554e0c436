"""`tam import customers`: a firm's own customers through the public ingest API."""

from services.cli.orders import SOME_ROWS_WERE_BAD, CsvFile, DryRun, Key, Source, Url, import_file
from services.cli.people import COLUMNS, PASSED_OVER, read_customers

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


def customers(file: CsvFile, dry_run: DryRun = False, source: Source = None, url: Url = None, key: Key = None) -> None:
    """Import customers."""
    import_file(file, read_customers, dry_run=dry_run, source=source, url=url, key=key)
