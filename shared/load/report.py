"""The report of a run as one page that needs nothing else: plots, how long answers took, and what the check found."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from shared.load.plot import plot

_SHOWN = 200
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #222; max-width: 940px; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.5em; margin-bottom: .2em } h2 { font-size: 1.1em; margin: 1.6em 0 .4em }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .25em .7em .25em 0; border-bottom: 1px solid #e4e4e4; overflow-wrap: anywhere }
td.n, th.n { text-align: right } svg { width: 100%; height: auto; margin: .4em 0 }
.right { color: #1d7a3e } .wrong { color: #b3261e } .verdict { font-size: 1.15em; font-weight: 600 }
"""


def page(document: Mapping[str, Any]) -> str:
    """The HTML of `Session.document`."""
    order, sent, verdict = document["order"], document["sent"], document["verdict"]
    title = f"tam load: {order['profile']}, seed {order['seed']}"
    asked = f"{order['rate']:,.0f} events a second of {order['customers']:,} customers for {order['seconds']:,.0f} s"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{escape(asked)}, from {escape(order['start'])}.</p>",
        _verdict(verdict),
        *_plots(document["watch"], order["seconds"], sent["seconds"]),
        *_answers(document),
        *_table("What was refused", ("what", "times"), list(document["refusals"].items())),
        *_table("Answers by status", ("status", "times"), list(document["outcomes"].items())),
        *_differences(verdict),
    ]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    return f'<!doctype html>\n<html lang="en"><head>{head}<style>{_STYLE}</style></head>\n<body>\n' + (
        "\n".join(parts) + "\n</body></html>\n"
    )


def _verdict(verdict: Mapping[str, Any] | None) -> str:
    if verdict is None:
        return '<p class="verdict wrong">It was not checked.</p>'
    wrong = len(verdict["differences"])
    said = f"{wrong:,} differences" if wrong else "All right: the platform says what was sent"
    what = (
        f"{verdict['persons_checked']:,} of {verdict['persons_known']:,} people, {verdict['events_checked']:,} events "
        f"and {verdict['facts_compared']:,} facts were compared."
    )
    return f'<p class="verdict {"wrong" if wrong else "right"}">{said}.</p><p>{what}</p>'


def _plots(watch: Mapping[str, Any], planned: float, took: float) -> Iterable[str]:
    """Rate, latency, lag and memory over the run; nothing of a run that sent nothing."""
    rates, slot = watch["events_per_second"], watch["slot_seconds"]
    seconds = max(planned, took, slot)
    if not rates:
        return
    # A point stands for the slot before it.
    at = [slot * (place + 0.5) for place in range(len(rates))]
    yield "<h2>While it ran</h2>"
    yield plot("events answered a second", at, {"": rates}, seconds=seconds)
    waits = {"half within": watch["p50_ms"], "99 of 100 within": watch["p99_ms"]}
    yield plot("milliseconds from when it was due", at, waits, seconds=seconds)
    if looks := watch["looked_at_seconds"]:
        yield plot("records and events on their way", looks, {"": watch["behind"]}, seconds=seconds)
        yield plot("resident memory of who answers, MB", looks, watch["memory_mb"], seconds=seconds)


def _answers(document: Mapping[str, Any]) -> Iterable[str]:
    sent = document["sent"]
    rows = [(kind, document["times"][kind], *found.values()) for kind, found in sent["answered_ms"].items()]
    yield from _table("Answered, from when it was due", ("what", "times", "p50 ms", "p95 ms", "p99 ms", "max ms"), rows)
    if sent["acts"]:
        late = sent["generator_late_ms"].get("p99")
        rate = f"{sent['events']:,} events in {sent['seconds']:,.1f} s: {sent['events_per_second']:,} a second"
        settled = document["settled_seconds"]
        rest = "" if settled is None else f" Nothing was on its way {settled:,.1f} s after the last."
        yield f"<p>{rate}; the generator was {late} ms late at p99.{rest}</p>"


def _differences(verdict: Mapping[str, Any] | None) -> Iterable[str]:
    found = [] if verdict is None else verdict["differences"]
    rows = [tuple(each[name] for name in ("where", "what", "expected", "found")) for each in found[:_SHOWN]]
    yield from _table("What differs", ("where", "what", "expected", "found"), rows)
    if len(found) > _SHOWN:
        yield f"<p>… and {len(found) - _SHOWN:,} more.</p>"


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterable[str]:
    """A table under its heading; nothing where there are no rows."""
    if not rows:
        return
    yield f"<h2>{escape(title)}</h2><table>"
    yield f"<tr>{''.join(_cell('th', head, rows, n) for n, head in enumerate(heads))}</tr>"
    for row in rows:
        yield f"<tr>{''.join(_cell('td', value, rows, n) for n, value in enumerate(row))}</tr>"
    yield "</table>"


def _cell(kind: str, value: Any, rows: Sequence[Sequence[Any]], column: int) -> str:
    """Columns of numbers stand at the right."""
    is_number = all(isinstance(row[column], int | float) for row in rows)
    said = f"{value:,}" if isinstance(value, int | float) else escape(str(value)[:300])
    return f"<{kind}{' class=n' if is_number else ''}>{said}</{kind}>"
