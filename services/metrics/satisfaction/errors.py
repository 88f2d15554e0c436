"""What satisfaction refuses.

Invalid
├── MixedFormulas        surveys whose CES is made differently
├── UnknownPersona       no persona of this name is in use
├── TwoSegments          a segment and a persona, which is one too
├── BadComparison        a comparison needs both its days
└── OneDimension         a series knows of one dimension at a time
Conflict
└── FormulaFixed         a survey's formula is set once
NotFound
├── NoSuchSurvey         a survey that was never published
└── NoSuchYardstick      a benchmark or target that is not there
"""

from collections.abc import Sequence
from uuid import UUID

from shared.errors import Conflict, Invalid, NotFound


class MixedFormulas(Invalid):
    """These surveys make their CES by different formulas, which have no common figure."""

    code, title = "metrics.mixed_formulas", "Mixed formulas"

    def __init__(self, formulas: Sequence[str]) -> None:
        super().__init__(
            f"The surveys asked for use the formulas {', '.join(formulas)}; ask for one survey, or by=survey.",
            formulas=list(formulas),
        )


class UnknownPersona(Invalid):
    """No persona of this key is in use."""

    code, title = "metrics.unknown_persona", "Unknown persona"

    def __init__(self, persona: str) -> None:
        super().__init__("No persona of this key is in use.", persona=persona)


class TwoSegments(Invalid):
    """A segment and a persona are asked for at once; a persona is a segment too."""

    code, title = "metrics.two_segments", "Two segments"

    def __init__(self) -> None:
        super().__init__("A persona is a segment: ask for one or the other.")


class BadComparison(Invalid):
    """Only one end of the days to compare with is given."""

    code, title = "metrics.bad_comparison", "Bad comparison"

    def __init__(self) -> None:
        super().__init__("A comparison needs both compare_from and compare_to.")


class OneDimension(Invalid):
    """A series is by one dimension at most, its filters among them."""

    code, title = "metrics.one_dimension", "One dimension at a time"

    def __init__(self) -> None:
        super().__init__("A series can be filtered by one of touchpoint, stage, staff, channel, locale and segment.")


class FormulaFixed(Conflict):
    """The formula of a survey's CES is set once: figures before and after a change could not be compared."""

    code, title = "metrics.formula_fixed", "Formula is fixed"

    def __init__(self, formula: str) -> None:
        super().__init__(f"The CES of this survey is made by the formula {formula!r} for good.", formula=formula)


class NoSuchSurvey(NotFound):
    """No version of this survey was ever published to customers."""

    code, title = "metrics.no_such_survey", "No such survey"

    def __init__(self, survey: UUID) -> None:
        super().__init__("No version of this survey was ever published to customers.", survey=str(survey))


class NoSuchYardstick(NotFound):
    """There is no benchmark or target of this name."""

    code, title = "metrics.no_such_yardstick", "No such benchmark or target"

    def __init__(self) -> None:
        super().__init__("There is no such benchmark or target.")
