"""What the score card refuses.

NotFound
├── UnknownFigure     the card has no such figure
└── NoSuchTarget      there is no target to remove
Invalid
├── NotBySegment      the figure is not kept by segment
├── TargetCurrency    a target of money needs a currency, any other has none
└── OutOfRange        no such figure can have this value
"""

from collections.abc import Iterable

from shared.errors import Invalid, NotFound


class UnknownFigure(NotFound):
    """The card has no such figure."""

    code, title = "metrics.unknown_card_figure", "Unknown figure"

    def __init__(self, figure: str, figures: Iterable[str]) -> None:
        super().__init__(f"The card has no figure {figure!r}.", figure=figure, figures=sorted(figures))


class NoSuchTarget(NotFound):
    """There is no target of this figure and segment."""

    code, title = "metrics.no_card_target", "No such target"

    def __init__(self) -> None:
        super().__init__("This figure has no target here.")


class NotBySegment(Invalid):
    """The figure is not kept by segment, so that a target for one could never be met."""

    code, title = "metrics.not_by_segment", "Not by segment"

    def __init__(self, figure: str) -> None:
        super().__init__(f"{figure} is not kept by segment; its target is for all customers.", figure=figure)


class TargetCurrency(Invalid):
    """A target of money needs a currency; of anything else it has none."""

    code, title = "metrics.target_currency", "Currency of a target"

    def __init__(self, figure: str, *, is_money: bool) -> None:
        needs = "is money: its target needs a currency" if is_money else "is no money: its target has no currency"
        super().__init__(f"{figure} {needs}.", figure=figure)


class OutOfRange(Invalid):
    """The figure can never have this value."""

    code, title = "metrics.target_out_of_range", "Target out of range"

    def __init__(self, figure: str, low: float, high: float) -> None:
        super().__init__(f"{figure} lies between {low:g} and {high:g}.", figure=figure, low=low, high=high)
