"""From our words to Grafana's: the JSON of a dashboard, by Grafana's own builders."""

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.builders.common import VizLegendOptions
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    DynamicConfigValue,
    FieldColorModeId,
    GridPos,
    Panel,
)

from drawing.looks import Dashboard, Look

# As `provisioning/datasources/prometheus.yaml` calls it.
_PROMETHEUS = DataSourceRef(type_val="prometheus", uid="prometheus")
_HEIGHT = {"lines": 8, "number": 5, "target": 6}
_SHORT_OF_TARGET = [
    DynamicConfigValue("color", {"mode": "thresholds"}),
    DynamicConfigValue(
        "thresholds",
        {"mode": "absolute", "steps": [{"color": "red", "value": None}, {"color": "green", "value": 0}]},
    ),
]


def drawn(of: Dashboard) -> str:
    """The JSON of a dashboard, as a file holds it."""
    drawing = (
        dashboard.Dashboard(of.title)
        .uid(of.uid)
        .tags(["tam"])
        .readonly()
        .refresh("30s")
        .time(of.span, "now")
        .timezone(common.TimeZoneBrowser)
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("Tâm")
            .type(DashboardLinkType.DASHBOARDS)
            .tags(["tam"])
            .as_dropdown(True)
            .keep_time(True)
        )
    )
    for row in of.rows:
        drawing = drawing.with_row(dashboard.Row(row.title))
        for look in row.looks:
            drawing = drawing.with_panel(_panel(look))
    return str(JSONEncoder(sort_keys=True, indent=2).encode(drawing.build())) + "\n"


def _panel(look: Look) -> Builder[Panel]:
    panel = _lines(look) if look.kind == "lines" else _stat(look)
    panel = (
        panel.title(look.title)
        .description(look.what)
        .unit(look.unit)
        .no_value(look.when_empty)
        .datasource(_PROMETHEUS)
        .grid_pos(GridPos(h=_HEIGHT[look.kind], w=look.width))
    )
    if look.decimals is not None:
        panel = panel.decimals(look.decimals)
    for place, query in enumerate(look.queries):
        panel = panel.with_target(
            prometheus.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(chr(ord("A") + place))
        )
    return panel


def _lines(look: Look) -> timeseries.Panel:
    panel = timeseries.Panel().legend(VizLegendOptions().show_legend(True).placement(common.LegendPlacement.BOTTOM))
    return panel.min(0) if look.unit in ("s", "eps", "reqps") else panel


def _stat(look: Look) -> stat.Panel:
    if look.kind == "number":
        return stat.Panel().color_mode(common.BigValueColorMode.NONE)
    return (
        stat.Panel()
        .color_mode(common.BigValueColorMode.VALUE)
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.FIXED).fixed_color("text"))
        .text_mode(common.BigValueTextMode.VALUE_AND_NAME)
        .graph_mode(common.BigValueGraphMode.NONE)
        .override_by_regexp("^ahead by", _SHORT_OF_TARGET)
    )
