"""A watch as one page of HTML to look at: the figure by week, under it the CUSUM and its threshold, what was raised.

It loads nothing and runs nothing: the policy allows the page's own style and no more. Everything written by somebody
is escaped. What the picture shows is said in words beside it, too; also since when.
"""

import base64
import hashlib
from collections.abc import Sequence
from html import escape

from services.metrics.alarms.schemas.alarms import AlarmOut
from services.metrics.alarms.schemas.watches import ArmPathOut, PathPointOut, WatchPathOut

_STYLE = """
:root{color-scheme:light dark;--ink:#1d2733;--soft:#4d5b6a;--paper:#fff;--line:#c3ccd5;--way:#1f5fa8;--bad:#b3224a}
@media (prefers-color-scheme:dark){:root{--ink:#e9eef3;--soft:#b3bfca;--paper:#161c23;--line:#3f4c59;--way:#86b9f2;
--bad:#ff8fab}}
body{margin:0;padding:1.5rem;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}
main{max-width:60rem;margin:auto;overflow-wrap:anywhere}
h1{margin:0 0 .25rem;font-size:1.6rem}
h2{margin:1.75rem 0 .25rem;font-size:1.1rem}
p{margin:0 0 .5rem}
.soft{color:var(--soft)}
.raised{color:var(--bad);font-weight:600}
svg{display:block;width:100%;height:auto}
text{fill:var(--soft);font-size:11px}
.axis{stroke:var(--line)}
.way{fill:none;stroke:var(--way);stroke-width:1.75}
.limit{fill:none;stroke:var(--bad);stroke-width:1.25;stroke-dasharray:5 4}
.base{stroke:var(--soft);stroke-dasharray:2 3}
.stands{fill:var(--bad);opacity:.14}
.began{stroke:var(--bad);stroke-width:1.5}
.between{fill:var(--bad);opacity:.07}
"""

_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_WIDTH, _LEFT, _RIGHT = 900, 46, 8
_VALUES = (12, 130)
_CUSUM = (166, 290)
_HEIGHT = 316
_WEEK = 7
_LABELS = 6

_Place = tuple[float, float]


def page(watch: WatchPathOut, standing: Sequence[AlarmOut]) -> str:
    """The page; `standing` are the alarms of the watch that are raised, of each direction at most one."""
    began = {each.direction: each for each in standing}
    arms = "".join(_arm(each, began.get(each.direction)) for each in watch.arms)
    about = ", ".join(
        escape(str(each))
        for each in (watch.metric, watch.window_days and f"{watch.window_days} days", watch.dimension, watch.value)
        if each
    )
    owner = f" Owner: {escape(watch.owner)}." if watch.owner else " Nobody is named to be told."
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(watch.name)}</title><style>{_STYLE}</style></head><body><main><h1>{escape(watch.name)}</h1>"
        f'<p class="soft">{about}. Looks for a change of {watch.change:g}; one false alarm in {watch.arl0_days} days '
        f"by the mean.{owner}</p>{arms}</main></body></html>"
    )


def _arm(arm: ArmPathOut, alarm: AlarmOut | None) -> str:
    picture = _picture(arm, alarm) if arm.path else ""
    return f"<section><h2>{arm.direction.capitalize()}</h2>{_words(arm)}{_since(alarm)}{picture}</section>"


def _since(alarm: AlarmOut | None) -> str:
    if alarm is None:
        return ""
    return (
        f'<p>It began on <time datetime="{alarm.change_day}">{alarm.change_day}</time>, with 95 % between '
        f"{alarm.change_first} and {alarm.change_last}; it was seen on {alarm.raised_day}.</p>"
    )


def _words(arm: ArmPathOut) -> str:
    if arm.state == "cannot_say" and arm.missing is not None:
        return f"<p>Cannot say. {escape(arm.missing.text)}</p>"
    state = '<strong class="raised">Raised</strong>' if arm.state == "raised" else "<strong>Quiet</strong>"
    ratio = "" if arm.ratio is None else f" The CUSUM is at {arm.ratio:.0%} of its threshold."
    basis = arm.basis
    before = (
        ""
        if basis is None
        else f" Held against {basis.value:.4g} {escape(arm.unit or '')} of {basis.n:.0f} from {basis.first} to "
        f"{basis.last}; a change is found in about {basis.days_to_find:.0f} days."
    )
    return f'<p>{state} as of <time datetime="{arm.as_of}">{arm.as_of}</time>.{ratio}{before}</p>'


def _picture(arm: ArmPathOut, alarm: AlarmOut | None) -> str:
    weeks = [arm.path[start : start + _WEEK] for start in range(0, len(arm.path), _WEEK)]
    values = [
        (number * _WEEK + (len(week) - 1) / 2, sum((each.value or 0.0) * each.n for each in week) / n)
        for number, week in enumerate(weeks)
        if (n := sum(each.n for each in week))
    ]
    top = max([1.0, *(max(each.statistic or 0.0, each.threshold or 0.0) for each in arm.path)])
    label = f"The figure by week, and the CUSUM, {arm.direction}, with its threshold, from {arm.path[0].day} on"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(label)}">'
        f"{_figure(arm, values)}{_raised(arm.path)}{_began(arm.path, alarm)}{_axis(_CUSUM, 0.0, top)}"
        f"{_line('limit', [(n, each.threshold) for n, each in enumerate(arm.path)], arm.path, _CUSUM, (0.0, top))}"
        f"{_line('way', [(n, each.statistic) for n, each in enumerate(arm.path)], arm.path, _CUSUM, (0.0, top))}"
        f"{_dates(arm.path)}</svg>"
    )


def _figure(arm: ArmPathOut, values: Sequence[_Place]) -> str:
    """The weeks of the figure, and the level they are held against."""
    if not values:
        return ""
    levels = [each for _, each in values] + ([arm.basis.value] if arm.basis is not None else [])
    room = (max(levels) - min(levels)) * 0.1 or 1.0
    low, high = min(levels) - room, max(levels) + room
    if min(levels) >= 0:
        low = max(low, 0.0)
    base = ""
    if arm.basis is not None:
        y = _y(arm.basis.value, _VALUES, low, high)
        base = f'<line class="base" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    return _axis(_VALUES, low, high) + base + _line("way", values, arm.path, _VALUES, (low, high))


def _began(path: Sequence[PathPointOut], alarm: AlarmOut | None) -> str:
    """The first day of the change, and between which days it lies."""
    if alarm is None:
        return ""
    day, left, right = (
        _x(min(len(path) - 1, max(0, (each - path[0].day).days)), path)
        for each in (alarm.change_day, alarm.change_first, alarm.change_last)
    )
    height = _CUSUM[1] - _VALUES[0]
    return (
        f'<rect class="between" x="{left:.1f}" y="{_VALUES[0]}" width="{right - left:.1f}" height="{height}"/>'
        f'<line class="began" x1="{day:.1f}" x2="{day:.1f}" y1="{_VALUES[0]}" y2="{_CUSUM[1]}"/>'
    )


def _raised(path: Sequence[PathPointOut]) -> str:
    found, start = "", None
    for number, each in enumerate([*path, None]):
        stands = each is not None and each.is_raised
        if stands and start is None:
            start = number
        if not stands and start is not None:
            left, right = _x(start, path), _x(number, path)
            found += (
                f'<rect class="stands" x="{left:.1f}" y="{_VALUES[0]}" width="{right - left:.1f}" '
                f'height="{_CUSUM[1] - _VALUES[0]}"/>'
            )
            start = None
    return found


def _line(
    name: str,
    places: Sequence[tuple[float, float | None]],
    path: Sequence[PathPointOut],
    within: tuple[int, int],
    scale: tuple[float, float],
) -> str:
    """A line through all places, broken where there is nothing."""
    parts, pen = "", "M"
    for x, value in places:
        if value is None:
            pen = "M"
            continue
        parts += f"{pen}{_x(x, path):.1f} {_y(value, within, *scale):.1f}"
        pen = "L"
    return f'<path class="{name}" d="{parts}"/>' if parts else ""


def _axis(within: tuple[int, int], low: float, high: float) -> str:
    return "".join(
        f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>'
        f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{value:.4g}</text>'
        for y, value in ((within[1], low), (within[0], high))
    )


def _dates(path: Sequence[PathPointOut]) -> str:
    step = max(1, len(path) // _LABELS)
    return "".join(
        f'<text x="{_x(number, path):.1f}" y="{_HEIGHT - 8}">{path[number].day}</text>'
        for number in range(0, len(path) - step // 2, step)
    )


def _x(number: float, path: Sequence[PathPointOut]) -> float:
    return _LEFT + number * (_WIDTH - _LEFT - _RIGHT) / max(1, len(path) - 1)


def _y(value: float, within: tuple[int, int], low: float, high: float) -> float:
    top, bottom = within
    return bottom - (value - low) / (high - low) * (bottom - top)
