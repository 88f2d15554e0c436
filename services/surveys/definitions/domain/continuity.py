"""What must stay through all versions of a survey, for its figures to be of one thing, and its promises to hold."""

from collections.abc import Iterable

from services.surveys.definitions.domain.definition import Definition, Question
from services.surveys.definitions.errors import Problem


def breaks(definition: Definition, earlier: Iterable[Definition]) -> list[Problem]:
    """What a version changes that `earlier` ones have fixed."""
    found: dict[str, Problem] = {}
    for before in earlier:
        if before.purpose != definition.purpose:
            found["/purpose"] = Problem("/purpose", "fixed", "Who is asked stays; make another survey.")
        if before.is_anonymous != definition.is_anonymous:
            text = "Whether answers are anonymous was promised to those who gave them; make another survey."
            found["/is_anonymous"] = Problem("/is_anonymous", "fixed", text)
        for number, question in enumerate(definition.questions):
            was = before.question(question.id)
            if was is not None and _measure(was) != _measure(question):
                text = f"Version {before.version} measures something else by {question.id!r}; give it another id."
                path = f"/questions/{number}"
                found[path] = Problem(path, "measures_another", text)
    return list(found.values())


def _measure(question: Question) -> tuple[object, ...]:
    """What figures take for granted of a question."""
    return question.kind, question.lowest, question.highest, bool(question.options)
