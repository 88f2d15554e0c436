"""The live figures on a terminal, as the summary route gives them."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.table import Table

from services.cli.common import console

_BARS = "▁▂▃▄▅▆▇█"


def print_figures(summary: Mapping[str, Any]) -> None:
    """Every figure of a summary with its value, what it is out of, and its definition, on stderr."""
    table = Table(title=f"Live figures as of {summary['as_of']}", title_style="bold", box=None, pad_edge=False)
    table.add_column("figure", style="cyan")
    table.add_column("value", justify="right", style="bold")
    table.add_column("out of", justify="right")
    table.add_column("definition", style="dim", overflow="fold")
    for name, figure in summary.items():
        if isinstance(figure, dict) and "value" in figure:
            table.add_row(_name(name, figure), value_of(figure), _ratio(figure), str(figure["definition"]))
    console.print(table)


def _name(name: str, figure: Mapping[str, Any]) -> str:
    window = figure["parameters"].get("window_days")
    return name.replace("_", " ") + (f" ({window} days)" if window else "")


def value_of(figure: Mapping[str, Any]) -> str:
    """A figure's value for people: shares in per cent, money with its currency."""
    value, unit = figure["value"], figure["unit"]
    if value is None:
        return "–"
    if unit == "ratio":
        return f"{float(value):.1%}"
    if figure["currency"]:
        return f"{Decimal(value):,f} {figure['currency']}"
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _ratio(figure: Mapping[str, Any]) -> str:
    if figure["unit"] != "ratio" or figure["denominator"] is None:
        return ""
    return f"{figure['numerator']:,} / {figure['denominator']:,}"


def spark(values: Sequence[float]) -> str:
    """A line of bars, the highest for the greatest value."""
    top = max(values, default=0.0) or 1.0
    return "".join(_BARS[int(max(value, 0.0) / top * (len(_BARS) - 1) + 0.5)] for value in values)


def print_card(card: Mapping[str, Any]) -> None:
    """The score card of all customers: each figure beside what it shall be, and who answers for it, on stderr."""
    table = Table(title="The firm today", title_style="bold", box=None, pad_edge=False)
    table.add_column("figure", style="cyan")
    table.add_column("value", justify="right", style="bold")
    table.add_column("target", justify="right")
    table.add_column("owner")
    table.add_column("")
    for line in card["lines"]:
        target = line["target"] or {}
        # A target may be of another currency than what is shown.
        own = {"value": target.get("value"), "currency": target.get("currency") or line["figure"]["currency"]}
        aim = "" if not target else value_of({**line["figure"], **own})
        # Where there is no figure, why; where there is one, how it stands to its target.
        missing = line["cannot_say"]
        word = missing["code"] if missing else line["light"] if target else ""
        name, word = line["key"].replace("_", " "), word.replace("_", " ")
        table.add_row(name, value_of(line["figure"]), aim, target.get("owner", ""), word)
    console.print(table)
