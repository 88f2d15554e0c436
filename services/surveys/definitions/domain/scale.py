"""The scales that questions are answered on."""

from shared.events.catalogue.surveys import QuestionKind

# How many points a scale from 1 may have, the usual number first. NPS goes from 0 to 10.
POINTS: dict[QuestionKind, tuple[int, ...]] = {
    "csat": (5, 7),
    "ces": (7,),
    "star": (5, 3, 4, 6, 7, 8, 9, 10),
    "matrix": (5, 2, 3, 4, 6, 7, 8, 9, 10, 11),
}


def scale_of(kind: QuestionKind, points: int | None, *, has_options: bool) -> tuple[int | None, int | None]:
    """The lowest and the highest score; None twice: the question is not answered by a score."""
    if kind == "nps":
        return 0, 10
    if kind not in POINTS or (kind == "matrix" and has_options):
        return None, None
    return 1, POINTS[kind][0] if points is None else points
