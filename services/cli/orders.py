"""`tam import`: a firm's own history through the public ingest API."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from services.cli.common import console, fail, read_settings, run
from services.cli.door import Item, Sent, open_door
from services.cli.instance import Instance, running, with_own
from services.cli.purchases import COLUMNS, BadRow, read_csv
from shared.config import PlatformSettings
from shared.runtime.platform import Platform
from shared.runtime.progress import settled

app = typer.Typer(no_args_is_help=True, help="Bring in history.")

_HELP = "Send the orders of a CSV file (UTF-8, with a header). Safe to run twice.\n\nColumns:\n\n" + "\n\n".join(
    f"* {name}: {meaning}" for name, meaning in COLUMNS.items()
)
MAX_SHOWN = 50


def progress_bar() -> Progress:
    """A bar with rate and time left, on stderr."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
    )


class Meter:
    """One line of a progress bar, with a rate."""

    def __init__(self, bar: Progress, description: str, total: int) -> None:
        self._bar = bar
        self._task = bar.add_task(description, total=total, rate="")

    def advance(self, count: int) -> None:
        """So many more are done."""
        self._bar.advance(self._task, count)
        self._rate()

    def left(self, count: int) -> None:
        """So many are left; the total grows if there are more than were known."""
        task = self._bar.tasks[self._task]
        total = max(task.total or 0, count)
        self._bar.update(self._task, total=total, completed=total - count)
        self._rate()

    def _rate(self) -> None:
        speed = self._bar.tasks[self._task].speed
        if speed:
            self._bar.update(self._task, rate=f"{speed:,.0f}/s")


def show_bad(rows: list[tuple[int, str]], path: Path) -> None:
    """The first bad rows with line number and reason, and how many more."""
    for line, reason in rows[:MAX_SHOWN]:
        console.print(f"{path}:{line}: {reason}", markup=False, soft_wrap=True)
    if len(rows) > MAX_SHOWN:
        console.print(f"… and {len(rows) - MAX_SHOWN} more.")


@app.command(help=_HELP)
def orders(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The CSV file.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every row; send nothing.")] = False,
    source: Annotated[str, typer.Option(help="The source these events are said to come from.")] = "import",
    url: Annotated[str | None, typer.Option(help="A server elsewhere; needs --key.")] = None,
    key: Annotated[str | None, typer.Option(envvar="TAM_KEY", help="A write key of the server at --url.")] = None,
) -> None:
    """Import orders; exit code 0 if every row was taken, 3 if some were bad."""
    settings = read_settings()
    parsed = run(_parse(file, settings))
    items = [each for each in parsed if isinstance(each, Item)]
    bad = [(each.line, each.reason) for each in parsed if isinstance(each, BadRow)]
    if dry_run:
        show_bad(bad, file)
        console.print(f"{len(items)} events from {file} would be sent; {len(bad)} rows are bad. Nothing was sent.")
        raise typer.Exit(3 if bad else 0)
    if url is not None and not key:
        fail("--url needs --key, a write key of that server.", 2)
    sent = run(_send(settings, items, source=source, url=url, key=key))
    bad += [(line, f"{message} ({code})") for line, code, message in sent.rejected]
    show_bad(sorted(bad), file)
    console.print(f"{sent.accepted} events from {file} are stored; {len(bad)} rows were bad.")
    raise typer.Exit(3 if bad else 0)


async def _parse(file: Path, settings: PlatformSettings) -> list[Item | BadRow]:
    return list(read_csv(file, zone=settings.zone, currency=settings.currency))


async def _send(
    settings: PlatformSettings, items: list[Item], *, source: str, url: str | None, key: str | None
) -> Sent:
    if url is not None and key is not None:
        return await send_through(url, key, items)
    async with running(settings, source=source) as instance:
        if instance is not None:
            return await send_through(instance.base_url, instance.write_key, items)
    results: list[Sent] = []

    async def work(platform: Platform, instance: Instance) -> None:
        results.append(await send_through(instance.base_url, instance.write_key, items))
        await settled(platform.bus, platform.databases())

    await with_own(settings, source=source, work=work, keep_serving=False)
    return results[0]


async def send_through(base_url: str, write_key: str, items: list[Item], *, title: str = "sending") -> Sent:
    """Send items with a progress bar."""
    with progress_bar() as bar:
        meter = Meter(bar, title, len(items))
        async with open_door(base_url, write_key) as door:
            return await door.send(items, moved=meter.advance)
