"""What the room of surveys refuses.

NotFound            SurveyNotFound (and VersionNotFound), QuestionNotFound, LibraryNotFound
Conflict            SurveyNotActive (and SurveyFull), NothingToPublish, NeverPublished, SurveyClosed, NotClosed,
                    QuestionNameTaken
PreconditionFailed  SurveyMoved, QuestionMoved
Invalid             BadAnswers, BadSurvey
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple
from uuid import UUID

from shared.errors import Conflict, Invalid, NotFound, PreconditionFailed

# Why a survey takes no answers.
WhyNot = Literal["draft", "closed", "over", "full"]


class Problem(NamedTuple):
    """One thing that is wrong: where (JSON Pointer), a code, and a sentence."""

    path: str
    code: str
    message: str


class SurveyNotFound(NotFound):
    """There is no such survey."""

    code, title = "surveys.survey_not_found", "Survey not found"

    def __init__(self, survey_id: UUID, *, detail: str = "There is no survey with this id.", **data: int) -> None:
        super().__init__(detail, survey_id=str(survey_id), **data)


class VersionNotFound(SurveyNotFound):
    """The survey has no such version."""

    code, title = "surveys.version_not_found", "Version not found"

    def __init__(self, survey_id: UUID, version: int) -> None:
        super().__init__(survey_id, detail="The survey has no such version.", version=version)


class SurveyNotActive(Conflict):
    """The survey takes no answers now; `why`: never published, closed by hand, past its end, or full."""

    code, title = "surveys.not_active", "Survey not active"

    def __init__(self, survey_id: UUID, why: WhyNot) -> None:
        reason = {
            "draft": "it was never published",
            "closed": "it was closed",
            "over": "its time is over",
            "full": "it has as many complete answers as it takes",
        }[why]
        super().__init__(f"The survey takes no answers: {reason}.", survey_id=str(survey_id), why=why)


class SurveyFull(SurveyNotActive):
    """The survey has as many complete answers as it takes."""

    code, title = "surveys.full", "Survey full"

    def __init__(self, survey_id: UUID) -> None:
        super().__init__(survey_id, "full")


class BadAnswers(Invalid):
    """The answers do not fit their questions."""

    code, title = "surveys.bad_answers", "Bad answers"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("The answers do not fit the questions.", problems=[each._asdict() for each in problems])


class BadSurvey(Invalid):
    """The survey cannot be asked like this."""

    code, title = "surveys.bad_survey", "Bad survey"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("The survey cannot be asked like this.", problems=[each._asdict() for each in problems])


class LibraryNotFound(NotFound):
    """There is no ready survey of this key."""

    code, title = "surveys.library_not_found", "Ready survey not found"

    def __init__(self, key: str) -> None:
        super().__init__("The library has no survey of this key.", key=key[:64])


class NothingToPublish(Conflict):
    """Nothing was changed since the last version."""

    code, title = "surveys.nothing_to_publish", "Nothing to publish"

    def __init__(self, survey_id: UUID) -> None:
        super().__init__("Nothing was changed since the last version.", survey_id=str(survey_id))


class NeverPublished(Conflict):
    """The survey is nothing but its draft."""

    code, title = "surveys.never_published", "Never published"

    def __init__(self, survey_id: UUID) -> None:
        super().__init__("The survey was never published: its draft is all there is.", survey_id=str(survey_id))


class SurveyClosed(Conflict):
    """The survey was closed by hand: it must be opened first."""

    code, title = "surveys.closed", "Survey closed"

    def __init__(self, survey_id: UUID) -> None:
        super().__init__("The survey was closed; reopen it before you publish a version.", survey_id=str(survey_id))


class NotClosed(Conflict):
    """The survey was not closed by hand."""

    code, title = "surveys.not_closed", "Survey not closed"

    def __init__(self, survey_id: UUID) -> None:
        super().__init__(
            "The survey was not closed by hand; publish a version with another end or quota.", survey_id=str(survey_id)
        )


class SurveyMoved(PreconditionFailed):
    """Somebody else changed the survey."""

    code, title = "surveys.survey_moved", "Survey moved"

    def __init__(self, survey_id: UUID, revision: int) -> None:
        super().__init__("The survey was changed since; get it again.", survey_id=str(survey_id), revision=revision)


class QuestionNotFound(NotFound):
    """The bank has no such question."""

    code, title = "surveys.question_not_found", "Question not found"

    def __init__(self, question_id: UUID) -> None:
        super().__init__("The bank has no question with this id.", question_id=str(question_id))


class QuestionNameTaken(Conflict):
    """Another question of the bank goes by this name."""

    code, title = "surveys.question_name_taken", "Name taken"

    def __init__(self, name: str) -> None:
        super().__init__("Another question of the bank has this name.", name=name)


class QuestionMoved(PreconditionFailed):
    """Somebody else changed the question."""

    code, title = "surveys.question_moved", "Question moved"

    def __init__(self, question_id: UUID, version: int) -> None:
        super().__init__("The question was changed since; get it again.", question_id=str(question_id), version=version)
