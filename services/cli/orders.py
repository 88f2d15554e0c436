"""`tam import`: a firm's own history through the public ingest API."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer

from services.cli.common import fail, read_settings, run, say
from services.cli.door import Item, Rejection, Sent, open_door
from services.cli.instance import Instance, running, with_own
from services.cli.progress import Meter, progress_bar
from services.cli.purchases import COLUMNS, BadRow, Rules, read_csv
from shared.config import PlatformSettings
from shared.runtime.platform import Platform
from shared.runtime.progress import settled
from shared.runtime.serve import bind

app = typer.Typer(no_args_is_help=True, help="Bring in history.")

SOME_ROWS_WERE_BAD = 3
Row = TypeVar("Row")

_HELP = (
    "Send the orders of a CSV file: UTF-8, one row per order, a header with these columns in any order "
    "(others are passed over), separated by commas, semicolons or tabs.\n\n"
    + "\n\n".join(f"* {name}: {meaning}" for name, meaning in COLUMNS.items())
    + "\n\nA bad row is reported with its line number and reason on stderr; the rest goes on. Safe to run twice: "
    "the same rows change no figure.\n\n"
    f"Exit code: 0 every row was taken; {SOME_ROWS_WERE_BAD} some rows were bad; 1 it could not be done; "
    "2 wrong arguments or settings."
)


class BadRows:
    """Says what is wrong with rows, as they come, and counts them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.count = 0

    def add(self, line: int, reason: str) -> None:
        """One more."""
        self.count += 1
        say(f"{self._path}:{line}: {reason}")

    def apart(self, parsed: Iterable[Row | BadRow]) -> Iterator[Row]:
        """Note the bad rows, and hand on the others."""
        for each in parsed:
            if isinstance(each, BadRow):
                self.add(each.line, each.reason)
            else:
                yield each

    def refused(self, rejection: Rejection) -> None:
        """One more, by the server's verdict."""
        self.add(rejection.line, f"{rejection.message} ({rejection.code})")

    def checked(self, parsed: Iterable[Item | BadRow]) -> int:
        """Note the bad rows; how many items there are."""
        items = 0
        for each in parsed:
            if isinstance(each, BadRow):
                self.add(each.line, each.reason)
            else:
                items += 1
        return items


def only_items(parsed: Iterable[Item | BadRow]) -> Iterator[Item]:
    """Pass bad rows over."""
    return (each for each in parsed if isinstance(each, Item))


CsvFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The CSV file.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check every row; send nothing.")]
Source = Annotated[
    str | None, typer.Option(help="The source these events are said to come from; 'import', if not given.")
]
Url = Annotated[str | None, typer.Option(help="A server elsewhere; needs --key, whose source then counts.")]
Key = Annotated[str | None, typer.Option(envvar="TAM_KEY", help="A write key of the server at --url.")]

# The rows of a file, by the rules for times and money.
Read = Callable[[Path, Rules], Iterator[Item | BadRow]]


@app.command(help=_HELP)
def orders(file: CsvFile, dry_run: DryRun = False, source: Source = None, url: Url = None, key: Key = None) -> None:
    """Import orders."""
    import_file(file, read_csv, dry_run=dry_run, source=source, url=url, key=key)


def import_file(
    file: Path, read: Read, *, dry_run: bool, source: str | None, url: str | None, key: str | None
) -> NoReturn:
    """Bring a file in as the options say, and end the command with its exit code."""
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
            lambda: read(file, rules),
            dry_run=dry_run,
            source=source or "import",
            elsewhere=(url, key),
        )
    )
    raise typer.Exit(SOME_ROWS_WERE_BAD if bad else 0)


async def bring_in(
    settings: PlatformSettings,
    file: Path,
    read: Callable[[], Iterator[Item | BadRow]],
    *,
    dry_run: bool,
    source: str,
    elsewhere: tuple[str | None, str | None],
) -> int:
    """Read the file twice, so that a large one is never held: to check it, and to send it. How many rows were bad."""
    bad = BadRows(file)
    count = bad.checked(read())
    if dry_run:
        say(f"{count} events from {file} would be sent; {bad.count} rows are bad. Nothing was sent.")
    else:

        async def send(base_url: str, write_key: str) -> Sent:
            return await send_through(base_url, write_key, only_items(read()), count, bad.refused)

        sent = await _send(settings, send, source=source, elsewhere=elsewhere)
        say(f"{sent.accepted} events from {file} are stored; {bad.count} rows were bad.")
    return bad.count


async def _send(
    settings: PlatformSettings,
    send: Callable[[str, str], Awaitable[Sent]],
    *,
    source: str,
    elsewhere: tuple[str | None, str | None],
) -> Sent:
    url, key = elsewhere
    if url is not None and key is not None:
        return await send(url, key)
    async with running(settings, source=source) as instance:
        if instance is not None:
            return await send(instance.base_url, instance.write_key)
    results: list[Sent] = []

    async def work(platform: Platform, instance: Instance) -> None:
        results.append(await send(instance.base_url, instance.write_key))
        with progress_bar() as bar:
            moved = Meter(bar, "working out figures", 0).left
            await settled(platform.bus, platform.databases(), moved=moved)

    # Nobody else is to find this short-lived server: any free port will do.
    await with_own(settings, bind("127.0.0.1", 0), source=source, work=work, keep_serving=False)
    return results[0]


async def send_through(
    base_url: str,
    write_key: str,
    items: Iterable[Item],
    count: int,
    refused: Callable[[Rejection], None],
    *,
    title: str = "sending",
) -> Sent:
    """Send `count` items with a progress bar."""
    async with open_door(base_url, write_key) as door:
        await door.knock()
        with progress_bar() as bar:
            return await door.send(items, moved=Meter(bar, title, count).advance, refused=refused)
