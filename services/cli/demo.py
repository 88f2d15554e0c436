"""`tam demo`: a real shop's purchase log through the public API, and the live figures that come of it."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Annotated

import httpx
import orjson
import typer

from services.cli.cdnow import WHEEL, cdnow_log, read_cdnow
from services.cli.common import console, read_settings, run, say
from services.cli.door import Item
from services.cli.figures import print_card, print_figures, spark
from services.cli.firm import story
from services.cli.instance import Instance, beside, running, with_own
from services.cli.keys import first_keys
from services.cli.orders import BadRows, only_items, send_through
from services.cli.progress import Meter, progress_bar
from services.cli.purchases import BadRow, Rules, read_csv
from shared.bus.base import Bus
from shared.config import PlatformSettings
from shared.db.engine import Database
from shared.errors import UserError
from shared.runtime.platform import Platform
from shared.runtime.progress import settled
from shared.runtime.serve import bind
from shared.runtime.service import Service

_READER_LIVES = timedelta(days=1)
_EVERYTHING = ("*",)


@dataclass(frozen=True, slots=True)
class Log:
    """A purchase log: where it is, how it is read, and what is in it."""

    path: Path
    rules: Rules
    is_cdnow: bool
    events: int
    first_day: date
    last_day: date
    a_customer: str
    bad: BadRows

    def parsed(self) -> Iterator[Item | BadRow]:
        """Its purchases as events, anew each time."""
        return _parsed(self.path, self.rules, is_cdnow=self.is_cdnow)


def demo(
    file: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Another log: the CSV of `tam import orders`, or CDNOW's form."),
    ] = None,
    only_purchases: Annotated[
        bool, typer.Option("--only-purchases", help="Leave out the firm of today around the log; so does --file.")
    ] = False,
    leave: Annotated[bool, typer.Option("--exit", help="End after the figures; do not keep serving.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as one JSON document on stdout.")] = False,
) -> None:
    """Replay a real shop's purchases through the ingest API, print the live figures, keep serving until Ctrl-C.

    Around the log stands a firm of today (orders, subscriptions, answers, complaints, points, targets), so that every
    dashboard has something to show; figures as of the log's own days know nothing of it.

    The same purchases sent again change no figure. If the platform runs already, the demo uses it.
    """
    settings, has_firm = read_settings(), file is None and not only_purchases
    run(_demo(settings, file, has_firm=has_firm, leave=leave, as_json=as_json))


async def _demo(settings: PlatformSettings, file: Path | None, *, has_firm: bool, leave: bool, as_json: bool) -> None:
    async with running(settings, source="demo", scopes=_EVERYTHING) as instance:
        if instance is not None:
            say(f"Using the instance at {instance.base_url}.")
            log = await asyncio.to_thread(_open_log, settings, file)
            started = monotonic()
            await _replay(instance, log)
            async with beside(settings, instance.database_url) as (bus, databases):
                await _settle(bus, databases)
                await _show(instance, log, monotonic() - started, as_json=as_json)
                if has_firm:
                    await _firm(instance, log, partial(_settle, bus, databases))
            return
    # Before anything is started: nobody waits for a server to learn that the port is taken.
    sock = bind(settings.host, settings.port)

    async def work(platform: Platform, instance: Instance) -> None:
        if settings.is_embedded:
            await first_keys(platform.keyring)
        log = await asyncio.to_thread(_open_log, settings, file)
        started = monotonic()
        await _replay(instance, log)
        await _settle(platform.bus, platform.databases())
        await _show(instance, log, monotonic() - started, as_json=as_json)
        if has_firm:
            await _firm(instance, log, partial(_settle, platform.bus, platform.databases()))
        if not leave:
            await _where_to_look(platform, instance.base_url, log)

    await with_own(settings, sock, source="demo", work=work, keep_serving=not leave, scopes=_EVERYTHING)


def _open_log(settings: PlatformSettings, file: Path | None) -> Log:
    """Read the log once, to know what is in it; bad rows are shown and left out.

    Raises:
        UserError: it cannot be read or fetched, or holds no purchase.
    """
    with console.status(f"Fetching the purchase log ({WHEEL}) …"):
        path = file or cdnow_log(settings.data_dir / "datasets")
    rules = Rules(settings.zone, settings.currency, datetime.now(UTC))
    is_cdnow = file is None or not _is_orders(path)
    bad, events, a_customer = BadRows(path), 0, ""
    first = last = None
    for each in _parsed(path, rules, is_cdnow=is_cdnow):
        if isinstance(each, BadRow):
            bad.add(each.line, each.reason)
            continue
        day = datetime.fromisoformat(each.event["timestamp"]).astimezone(settings.zone).date()
        first, last = min(first or day, day), max(last or day, day)
        a_customer = a_customer or each.event.get("userId", "")
        events += 1
    if first is None or last is None:
        raise UserError(f"{path} holds no purchases.")
    return Log(path, rules, is_cdnow, events, first, last, a_customer, bad)


def _is_orders(path: Path) -> bool:
    """Whether a log is the CSV of `tam import orders`, rather than CDNOW's lines of four numbers."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return "order_id" in file.readline().lower()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error


def _parsed(path: Path, rules: Rules, *, is_cdnow: bool) -> Iterator[Item | BadRow]:
    if is_cdnow:
        return read_cdnow(path, zone=rules.zone, name="cdnow" if path.stem == "CDNOW_master" else path.stem)
    return read_csv(path, rules)


async def _replay(instance: Instance, log: Log) -> None:
    await send_through(
        *(instance.base_url, instance.write_key, only_items(log.parsed()), log.events, log.bad.refused),
        title="sending purchases",
    )


async def _settle(bus: Bus, databases: Sequence[tuple[Service, Database]]) -> None:
    with progress_bar() as bar:
        await settled(bus, databases, moved=Meter(bar, "working out figures", 0).left)


async def _show(instance: Instance, log: Log, seconds: float, *, as_json: bool) -> None:
    last = min(log.last_day, datetime.now(log.rules.zone).date())
    reader = {"Authorization": f"Bearer {instance.secret_key}"}
    async with httpx.AsyncClient(base_url=instance.base_url, headers=reader, timeout=60, trust_env=False) as client:
        summary = (await client.get("/v1/metrics/summary", params={"as_of": str(last)})).raise_for_status().json()
        months = {"from": str(log.first_day), "to": str(last), "period": "month"}
        series = await client.get("/v1/metrics/series/gross", params=months)
    if as_json:
        typer.echo(orjson.dumps(summary, option=orjson.OPT_INDENT_2))
    print_figures(summary)
    if series.status_code == 200:
        values = [float(point["value"] or 0) for point in series.json()["points"]]
        say(f"gross by month {spark(values)}")
    rate = log.events / seconds
    say(f"{log.events:,} events in {seconds:.1f} s ({rate:,.0f}/s, everything on this machine).")


async def _firm(instance: Instance, log: Log, settled: story.Settled) -> None:
    """The firm of today, and how it stands."""
    started = monotonic()
    if not await story.tell(instance, datetime.now(UTC), log.bad, settled):
        return
    await settled()
    reader = {"Authorization": f"Bearer {instance.secret_key}"}
    async with httpx.AsyncClient(base_url=instance.base_url, headers=reader, timeout=60, trust_env=False) as client:
        print_card((await client.get("/v1/metrics/scorecard", params={"currency": "VND"})).raise_for_status().json())
    say(f"The firm of today in {monotonic() - started:.1f} s: its dashboards are whole within five minutes.")


async def _where_to_look(platform: Platform, base_url: str, log: Log) -> None:
    _, key = await platform.keyring.create("secret", "demo reader", scopes=("*",), expires=_READER_LIVES)
    curl = 'curl -H "Authorization: Bearer $TAM_KEY"'
    lines = [
        "",
        f"export TAM_KEY={key}   # reads everything, for a day",
        f'{curl} "{base_url}/v1/metrics/summary?as_of={log.last_day}&window=90"',
        f'{curl} "{base_url}/v1/metrics/customers/user_id:{log.a_customer}"',
        f'{curl} "{base_url}/v1/customers/user_id:{log.a_customer}/touchpoints"',
        f"{base_url}/              in a browser: the score card (the key is the user name, no password)",
        f"{base_url}/metrics        for Prometheus",
        f"{base_url}/docs           every route",
        "Ctrl-C ends it; the data stay.",
    ]
    for line in lines:
        say(line)
