"""The service that knows who customers are."""

from drawing.every_service import of_service
from drawing.looks import Row, number

_PEOPLE = Row(
    "People",
    (
        number(
            "Overdue requests",
            "Requests about personal data past the time the law allows.",
            "sum(max by (kind) (tam_profiles_rights_overdue))",
            decimals=0,
        ),
    ),
)

DASHBOARD = of_service("profiles", _PEOPLE)
