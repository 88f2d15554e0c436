"""What responses refuse.

NotFound   ResponseUnknown, ThemesUnknown
Conflict   AnswerTooLate, AnswerWithdrawn, TakeAlone, ThemesMoved
Invalid    SurveyNeeded, WholeAnswerNeeded, NobodyMayBeNamed, AnonymousImport, BadResponseCustomer, AnsweredLater,
           TooManyTags, BadThemes
Unavailable TooManyAnswers
"""

from datetime import datetime
from typing import Literal

from shared.errors import Conflict, Invalid, NotFound, Unavailable

Kept = Literal["nothing", "partial", "complete"]


class ResponseUnknown(NotFound):
    """There is no such response."""

    code, title = "surveys.response_unknown", "Response unknown"

    def __init__(self) -> None:
        super().__init__("There is no response with this id.")


class AnswerTooLate(Conflict):
    """The invitation has expired, the survey has closed, or the window for changes is over."""

    code, title = "surveys.answer_too_late", "Too late"

    def __init__(self, kept: Kept, *, closed_at: datetime) -> None:
        said = "nothing was kept" if kept == "nothing" else f"what was answered before stays ({kept})"
        super().__init__(f"Answers were taken until {closed_at.isoformat()}; {said}.", kept=kept, closed_at=closed_at)


class AnswerWithdrawn(Conflict):
    """The response was withdrawn, and stays so."""

    code, title = "surveys.answer_withdrawn", "Answer withdrawn"

    def __init__(self) -> None:
        super().__init__("This response was withdrawn; it takes no more answers.")


class SurveyNeeded(Invalid):
    """Neither an invitation nor a survey was named."""

    code, title = "surveys.survey_needed", "Survey needed"

    def __init__(self) -> None:
        super().__init__("Name the invitation or the survey that is answered.")


class WholeAnswerNeeded(Invalid):
    """Parts of an anonymous answer cannot be put together: that would need something that leads back."""

    code, title = "surveys.whole_answer_needed", "Whole answer needed"

    def __init__(self) -> None:
        super().__init__("An anonymous survey takes whole answers only; send all of them at once, as final.")


class NobodyMayBeNamed(Invalid):
    """An anonymous survey came with a name."""

    code, title = "surveys.nobody_may_be_named", "Nobody may be named"

    def __init__(self) -> None:
        super().__init__("This survey is anonymous; send neither a customer, a member of staff nor a reference.")


class AnonymousImport(Invalid):
    """Past answers of an anonymous survey could be told apart from those that come in: by where they came from."""

    code, title = "surveys.anonymous_import", "Anonymous import"

    def __init__(self) -> None:
        super().__init__("Past answers cannot be brought into an anonymous survey; bring them into one of their own.")


class BadResponseCustomer(Invalid):
    """The reference names nobody."""

    code, title = "surveys.bad_response_customer", "Bad customer"

    def __init__(self) -> None:
        super().__init__("Name a customer as a customer id, user_id:<id> or anonymous_id:<id>.")


class TakeAlone(Conflict):
    """Whoever takes several at once takes this one in a transaction of its own; no client ever sees it."""

    code, title = "surveys.take_alone", "Take alone"

    def __init__(self) -> None:
        super().__init__("An anonymous answer is taken alone.")


class AnsweredLater(Invalid):
    """It says that it was answered in the future."""

    code, title = "surveys.answered_later", "Answered later"

    def __init__(self) -> None:
        super().__init__("`answered_at` lies in the future.")


class TooManyTags(Invalid):
    """Nobody reads so many tags."""

    code, title = "surveys.too_many_tags", "Too many tags"

    def __init__(self, most: int) -> None:
        super().__init__(f"A response has at most {most} tags.", most=most)


class TooManyAnswers(Unavailable):
    """More answers wait than this process can take soon."""

    code, title = "surveys.too_many_answers", "Too many answers"

    def __init__(self) -> None:
        super().__init__("More answers wait than can be taken soon; nothing was taken, send it again.")


class ThemesUnknown(NotFound):
    """There are no such rules."""

    code, title = "surveys.themes_unknown", "Themes unknown"

    def __init__(self) -> None:
        super().__init__("There is no such version of the rules.")


class ThemesMoved(Conflict):
    """Other rules hold than those that were to be replaced."""

    code, title = "surveys.themes_moved", "Themes moved"

    def __init__(self, version: int) -> None:
        super().__init__("Other rules hold by now; read them and write yours again.", version=version)


class BadThemes(Invalid):
    """A rule by which nothing could be found."""

    code, title = "surveys.bad_themes", "Bad themes"

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(reason, path=path)
