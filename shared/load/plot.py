"""Lines over the seconds of a run, as SVG by hand: a few lines and their scales are no reason for a library."""

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 820, 150, 64, 16, 26, 24
COLOURS = ("#1f6fb2", "#c2571a", "#2f8f5b", "#8a4fa3")

# Values of one line; None: there was nothing to show.
Values = Sequence[float | None]


def plot(title: str, at: Sequence[float], lines: Mapping[str, Values], *, seconds: float) -> str:
    """An SVG of the lines, each a colour, with its name; the scale begins at 0."""
    most = max([1.0, *(value for line in lines.values() for value in line if value is not None)]) * 1.08
    whole = TOP + HEIGHT + BOTTOM
    drawn = [
        f'<svg viewBox="0 0 {LEFT + WIDTH + RIGHT} {whole}" role="img" aria-label="{escape(title)}">',
        _text(LEFT, 15, title, size=13),
    ]
    for share in (0.0, 0.5, 1.0):
        y = TOP + HEIGHT * (1 - share)
        drawn.append(f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y:.0f}" y2="{y:.0f}" stroke="#ddd"/>')
        drawn.append(_text(LEFT - 6, y + 4, f"{most * share:,.0f}", anchor="end"))
        drawn.append(_text(LEFT + WIDTH * share, whole - 6, f"{seconds * share:,.0f} s", anchor="middle"))
    for place, (name, values) in enumerate(lines.items()):
        colour = COLOURS[place % len(COLOURS)]
        drawn.append(_line(at, values, seconds, most, colour))
        if name:
            drawn.append(_text(LEFT + WIDTH - 190 * (len(lines) - 1 - place), 15, name, anchor="end", colour=colour))
    return "\n".join([*drawn, "</svg>"])


def _line(at: Sequence[float], values: Values, seconds: float, most: float, colour: str) -> str:
    points = [
        f"{LEFT + min(1.0, moment / seconds) * WIDTH:.1f},{TOP + HEIGHT * (1 - value / most):.1f}"
        for moment, value in zip(at, values, strict=True)
        if value is not None
    ]
    return f'<polyline fill="none" stroke="{colour}" stroke-width="1.6" points="{" ".join(points)}"/>'


def _text(x: float, y: float, words: str, *, anchor: str = "start", colour: str = "#333", size: int = 11) -> str:
    place = f'x="{x:.0f}" y="{y:.0f}" font-size="{size}" text-anchor="{anchor}"'
    return f'<text {place} fill="{colour}">{escape(words)}</text>'
