"""`tam demo`: a real shop's purchase log through the public API, and the live figures that come of it."""

import asyncio
from datetime import date
from pathlib import Path
from time import monotonic
from typing import Annotated, Any

import httpx
import orjson
import typer
from rich.panel import Panel
from rich.table import Table

from services.cli.cdnow import cdnow_log
from services.cli.common import console, read_settings, run
from services.cli.door import Item
from services.cli.instance import Instance, beside, running, with_own
from services.cli.orders import Meter, progress_bar, send_through, show_bad
from services.cli.purchases import BadRow, is_csv, read_cdnow, read_csv
from shared.config import PlatformSettings
from shared.errors import UserError
from shared.runtime.platform import Platform
from shared.runtime.progress import settled

_BARS = "▁▂▃▄▅▆▇█"


def demo(
    file: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Another log: the CSV of `tam import orders`, or CDNOW's form."),
    ] = None,
    leave: Annotated[bool, typer.Option("--exit", help="End after the figures; do not keep serving.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as one JSON document on stdout.")] = False,
) -> None:
    """Replay a real shop's purchases through the ingest API, print the live figures, keep serving until Ctrl-C."""
    run(_demo(read_settings(), file, leave=leave, as_json=as_json))


async def _demo(settings: PlatformSettings, file: Path | None, *, leave: bool, as_json: bool) -> None:
    async with running(settings, source="demo") as instance:
        if instance is not None:
            console.print(f"Using the instance at {instance.base_url}.")
            items = await _items(settings, file)
            started = monotonic()
            await send_through(instance.base_url, instance.write_key, items, title="sending purchases")
            async with beside(settings, instance.database_url) as (bus, databases):
                await _settle(bus, databases)
            await _show(instance, items, monotonic() - started, as_json=as_json)
            return

    async def work(platform: Platform, instance: Instance) -> None:
        items = await _items(settings, file)
        started = monotonic()
        sent = await send_through(instance.base_url, instance.write_key, items, title="sending purchases")
        show_bad([(line, f"{message} ({code})") for line, code, message in sent.rejected], file or Path("log"))
        await _settle(platform.bus, platform.databases())
        await _show(instance, items, monotonic() - started, as_json=as_json)
        if not leave:
            key = await _own_key(platform)
            _where_to_look(instance.base_url, key, items)

    await with_own(settings, source="demo", work=work, keep_serving=not leave)


async def _items(settings: PlatformSettings, file: Path | None) -> list[Item]:
    """The purchases as events; bad rows are shown and left out."""
    path = file or await asyncio.to_thread(cdnow_log, settings.data_dir / "datasets")
    if is_csv(path):
        parsed = list(read_csv(path, zone=settings.zone, currency=settings.currency))
    else:
        parsed = list(read_cdnow(path, zone=settings.zone, name="cdnow" if file is None else path.stem[:40]))
    show_bad([(each.line, each.reason) for each in parsed if isinstance(each, BadRow)], path)
    items = [each for each in parsed if isinstance(each, Item)]
    if not items:
        raise UserError(f"{path} holds no purchases.")
    return items


async def _settle(bus: Any, databases: Any) -> None:
    with progress_bar() as bar:
        await settled(bus, databases, moved=Meter(bar, "working out figures", 0).left)


async def _show(instance: Instance, items: list[Item], seconds: float, *, as_json: bool) -> None:
    days = sorted(item.event["timestamp"][:10] for item in items)
    last = min(date.fromisoformat(days[-1]), date.today())  # noqa: DTZ011 - both are local days
    async with httpx.AsyncClient(
        base_url=instance.base_url, headers={"Authorization": f"Bearer {instance.secret_key}"}, timeout=60
    ) as client:
        summary = (await client.get("/v1/metrics/summary", params={"as_of": last.isoformat()})).raise_for_status()
        series = await client.get(
            "/v1/metrics/series/gross", params={"from": days[0], "to": last.isoformat(), "period": "month"}
        )
    if as_json:
        typer.echo(orjson.dumps(summary.json(), option=orjson.OPT_INDENT_2))
    _print_figures(summary.json(), series.raise_for_status().json())
    console.print(f"{len(items):,} events in {seconds:.1f} s ({len(items) / seconds:,.0f}/s, all on this machine).")


def _print_figures(summary: dict[str, Any], series: dict[str, Any]) -> None:
    table = Table(title=f"Live figures as of {summary['as_of']}", title_style="bold", box=None, pad_edge=False)
    table.add_column("figure", style="cyan")
    table.add_column("value", justify="right", style="bold")
    table.add_column("out of", justify="right")
    table.add_column("definition", style="dim", overflow="fold")
    for name, figure in summary.items():
        if isinstance(figure, dict) and "value" in figure:
            table.add_row(name.replace("_", " "), _value(figure), _ratio(figure), str(figure.get("definition", "")))
    console.print(table)
    values = [float(point["value"]) for point in series["points"]]
    if values:
        console.print(f"gross by month {_spark(values)}")


def _value(figure: dict[str, Any]) -> str:
    value, unit = figure["value"], figure.get("unit")
    if value is None:
        return "–"
    if unit == "ratio":
        return f"{float(value):.1%}"
    if figure.get("currency"):
        return f"{value} {figure['currency']}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _ratio(figure: dict[str, Any]) -> str:
    if figure.get("denominator") in (None, 1) or figure.get("unit") != "ratio":
        return ""
    return f"{figure['numerator']:,} / {figure['denominator']:,}"


def _spark(values: list[float]) -> str:
    top = max(values) or 1.0
    return "".join(_BARS[min(len(_BARS) - 1, int(value / top * (len(_BARS) - 1) + 0.5))] for value in values)


async def _own_key(platform: Platform) -> str:
    """A reading key for the person at the terminal, for the links below."""
    _, secret = await platform.keyring.create("secret", "demo reader", scopes=("*",))
    return secret


def _where_to_look(base_url: str, key: str, items: list[Item]) -> None:
    customer = items[0].event.get("userId", "")
    console.print(
        Panel.fit(
            f"export TAM_KEY={key}\n"
            f'curl -H "Authorization: Bearer $TAM_KEY" "{base_url}/v1/metrics/summary?window=90"\n'
            f'curl -H "Authorization: Bearer $TAM_KEY" "{base_url}/v1/metrics/customers/user_id:{customer}"\n'
            f'curl -H "Authorization: Bearer $TAM_KEY" "{base_url}/v1/customers/user_id:{customer}/touchpoints"\n'
            f"{base_url}/metrics   Prometheus\n"
            f"{base_url}/openapi.json   every route\n"
            "Ctrl-C ends it; the data stay.",
            title="Where to look",
        ),
        soft_wrap=True,
    )
