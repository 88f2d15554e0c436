"""A soak as a picture: memory, what was on its way and what was sent, one above the other, over the minutes of the run.

Drawn as SVG by hand: three lines and their scales are no reason for a library.
"""

from collections.abc import Mapping, Sequence
from typing import Any

WIDTH, HEIGHT, LEFT, TOP, GAP = 860, 130, 60, 34, 46
COLOURS = ("#1f6fb2", "#c2571a", "#2f8f5b", "#8a4fa3")


def picture(title: str, seen: Mapping[str, Sequence[float]]) -> str:
    """The SVG of the columns of `Watch.document()["seen"]`."""
    minutes = [at / 60 for at in seen["seconds"]]
    strips = [
        ("memory, MB", {name.removesuffix(" MB"): seen[name] for name in seen if name.endswith(" MB")}),
        ("records on their way", {"": seen["on the way"]}),
        ("events sent a second", {"": _rates(seen["seconds"], seen["events sent"])}),
    ]
    whole = TOP + len(strips) * (HEIGHT + GAP)
    drawn = [_text(LEFT, 20, title, size=14)]
    for number, (name, lines) in enumerate(strips):
        drawn += _strip(TOP + number * (HEIGHT + GAP), name, minutes, lines)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + LEFT + 20} {whole}" font-family="sans-serif">'
    )
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *drawn, "</svg>", ""])


def _rates(seconds: Sequence[float], events: Sequence[float]) -> list[float]:
    rates = [(events[n] - events[n - 1]) / max(1e-9, seconds[n] - seconds[n - 1]) for n in range(1, len(seconds))]
    return rates[:1] + rates


def _strip(top: float, name: str, minutes: Sequence[float], lines: Mapping[str, Sequence[float]]) -> list[str]:
    most = max(1.0, *(max(line) for line in lines.values())) * 1.1
    bottom, last = top + 14 + HEIGHT, max(minutes[-1], 1e-9)
    drawn = [_text(LEFT, top + 8, name)]
    for share in (0, 0.5, 1):
        y = bottom - share * HEIGHT
        drawn.append(f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y:.0f}" y2="{y:.0f}" stroke="#ddd"/>')
        drawn.append(_text(LEFT - 6, y + 4, f"{most * share:,.0f}", anchor="end"))
        drawn.append(_text(LEFT + share * WIDTH, bottom + 14, f"{last * share:.0f} min", anchor="middle"))
    for (label, line), colour in zip(lines.items(), COLOURS, strict=False):
        points = " ".join(
            f"{LEFT + at / last * WIDTH:.1f},{bottom - value / most * HEIGHT:.1f}"
            for at, value in zip(minutes, line, strict=True)
        )
        drawn.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{points}"/>')
        y = bottom - line[-1] / most * HEIGHT - 6
        drawn.append(_text(LEFT + WIDTH, y, label, anchor="end", colour=colour))
    return drawn


def _text(x: float, y: float, words: str, *, anchor: str = "start", colour: str = "#333", size: int = 11) -> str:
    safe = words.replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">{safe}</text>'


def facts(document: Mapping[str, Any]) -> str:
    """The line above the picture."""
    run, watch = document["run"], document["watch"]
    cores = ", ".join(f"{name} {used:.2f} cores" for name, used in watch["cores"].items())
    growth = ", ".join(f"{name} ×{grown:.3f}" for name, grown in watch["memory_growth"].items())
    return f"{run['seconds'] / 60:.0f} min, {run['events']:,} events, log on {run['bus']}; {cores}; memory {growth}"
