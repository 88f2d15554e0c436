"""What a dashboard is made of, in our words: rows of looks, each of which asks Prometheus something."""

from typing import Literal, NamedTuple

# Said where a rate or a sum has nothing to count: nothing happened, which is a number.
ZERO = "or on () vector(0)"
NOTHING_YET = "nothing yet"


class Query(NamedTuple):
    """What is asked of Prometheus, and how a line is called."""

    expr: str
    legend: str = ""


class Look(NamedTuple):
    """A panel: lines over time, a number, or how a figure stands to its target.

    `unit` is Grafana's; `what` explains the panel to a reader, and `when_empty` why it shows nothing.
    """

    title: str
    what: str
    queries: tuple[Query, ...]
    unit: str = "short"
    kind: Literal["lines", "number", "target"] = "lines"
    width: int = 8
    decimals: int | None = None
    when_empty: str = NOTHING_YET


class Row(NamedTuple):
    """Panels under a heading."""

    title: str
    looks: tuple[Look, ...]


class Dashboard(NamedTuple):
    """A page. `file` is its name without the ending, `span` what of the past it shows at first."""

    file: str
    uid: str
    title: str
    rows: tuple[Row, ...]
    span: str = "now-6h"


def number(
    title: str,
    what: str,
    expr: str,
    *,
    unit: str = "short",
    decimals: int = 1,
    width: int = 4,
    when_empty: str = NOTHING_YET,
) -> Look:
    """A number, with its course behind it."""
    return Look(title, what, (Query(expr),), unit, "number", width, decimals, when_empty)


def lines(
    title: str,
    what: str,
    *queries: tuple[str, str],
    unit: str = "short",
    width: int = 8,
    when_empty: str = NOTHING_YET,
) -> Look:
    """A number over time, a line for each label."""
    return Look(title, what, tuple(Query(*each) for each in queries), unit, "lines", width, when_empty=when_empty)


def counted(title: str, what: str, *queries: tuple[str, str], unit: str = "short", width: int = 8) -> Look:
    """Lines of what may well never happen: without any, a line at zero."""
    return lines(title, what, *((f"{expr} {ZERO}", legend) for expr, legend in queries), unit=unit, width=width)


def against_target(
    title: str,
    what: str,
    now: str,
    target: str,
    *,
    better: Literal["higher", "lower"],
    by: str = "",
    unit: str = "short",
    when_empty: str = NOTHING_YET,
) -> Look:
    """A figure, what it shall be (`PUT /v1/metrics/scorecard/targets/…`), and how far it is on the right side of that.

    `by` is the label that `now` and `target` have in common, such as a currency.
    """
    goal = f'max{f" by ({by})" if by else ""} (tam_metrics_target{{figure="{target}"}})'
    ahead, behind = (now, goal) if better == "higher" else (goal, now)
    mark = f" {{{{{by}}}}}" if by else ""
    queries = (
        Query(now, f"now{mark}"),
        Query(goal, f"target{mark}"),
        Query(f"{ahead} - {f'on ({by}) ' if by else ''}{behind}", f"ahead by{mark}"),
    )
    return Look(title, f"{what} Red: short of the target.", queries, unit, "target", 6, 1, when_empty)
