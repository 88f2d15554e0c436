"""`tam figures`: the figures of metrics as of a day, by what is known now or by what was known at a moment.

Event time is when something happened, knowledge time when we learnt it (`tamrecorded` of each event). What was known at
a moment is what the log held then: it is read again up to it, into a schema that goes in the end. That costs as long as
reading the log takes, and nothing at all while nobody asks.
"""

from datetime import UTC, date, datetime
from typing import Annotated, Any

import orjson
import typer

from services.cli import figures as terminal
from services.cli.common import console, fail, read_settings, run
from services.cli.progress import Meter, progress_bar
from services.cli.rebuilt import rebuilt_beside
from services.metrics.app import service as manifest
from services.metrics.figures.schemas import SummaryOut
from services.metrics.satisfaction.domain.query import METRICS, Query
from services.metrics.satisfaction.errors import MixedFormulas
from services.metrics.service import MetricsService
from shared.clock import SystemClock
from shared.config import PlatformSettings
from shared.runtime.rebuilding import StoppedClock, log_ends


def figures(
    known_at: Annotated[
        str | None, typer.Option(help="What was known at this moment (RFC 3339, with an offset); default: now.")
    ] = None,
    as_of: Annotated[str | None, typer.Option(help="The day to count up to; default: the day of `known-at`.")] = None,
    window: Annotated[int, typer.Option(min=1, max=36_500, help="Days of silence after which one has lapsed.")] = 90,
    currency: Annotated[str | None, typer.Option(help="ISO 4217 code of the money figures.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON on stdout.")] = False,
) -> None:
    """Churn, value so far and satisfaction, as of a day and as known at a moment."""
    moment = None if known_at is None else _moment(known_at)
    found = run(known(read_settings((manifest,)), moment, _day(as_of), window, currency))
    if as_json:
        typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
        return
    terminal.print_figures(found["summary"])
    for name, figure in found["satisfaction"].items():
        shown = "–" if figure["value"] is None else f"{figure['value']:.1f}"
        console.print(f"{name} {shown} of {figure['denominator']} answers ({figure['definition']})", markup=False)
    console.print(f"As known at {found['known_at']}.", markup=False)


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        fail("--known-at is a moment with an offset, such as 2026-11-01T09:00+07:00.", 2)
    return found.astimezone(UTC)


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        fail("--as-of is a day such as 2026-11-01.", 2)


async def known(
    settings: PlatformSettings, known_at: datetime | None, as_of: date | None, window: int, currency: str | None
) -> dict[str, Any]:
    """The figures as of a day, by what had been learnt by a moment; None is now, and counts all that the log has."""
    moment = known_at or SystemClock().now()
    async with rebuilt_beside(settings, manifest, StoppedClock(moment)) as found:
        with progress_bar() as bar:
            meter = Meter(bar, "reading the log", 0)

            async def moved(left: int) -> None:
                meter.left(left)

            ends = await log_ends(found.rebuilt.subscriptions, found.rebuilt.bus)
            await found.rebuilt.read(ends, moved, known_at=moment)
        return {"known_at": moment.isoformat(), **await told(found.rebuilt.value, as_of, window, currency)}


async def told(metrics: MetricsService, as_of: date | None, window: int, currency: str | None) -> dict[str, Any]:
    """What a metrics service says: the summary, and satisfaction over the 90 days up to the day."""
    summary = await metrics.figures.summary(as_of=as_of, window=window, currency=currency)
    shown = SummaryOut.of(summary)
    opinions: dict[str, Any] = {}
    for metric in METRICS:
        try:
            line = (await metrics.satisfaction.figure(Query(metric), last=as_of)).report.total
        except MixedFormulas:
            continue
        if line is not None and line.reading is not None:
            reading = line.reading
            opinions[metric] = {
                "value": reading.value,
                "definition": line.measure.definition,
                "numerator": dict(reading.buckets),
                "denominator": reading.n,
            }
    return {"summary": shown.model_dump(mode="json"), "satisfaction": opinions}
