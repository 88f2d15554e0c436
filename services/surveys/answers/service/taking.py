"""Answers come in: one response for an invitation, whatever is sent again."""

from dataclasses import dataclass

from services.surveys.answers.domain.submission import Submission, Taken
from shared.db.engine import WriteTx


@dataclass(frozen=True, slots=True)
class Answering:
    """Takes answers, in the transaction of whoever has them."""

    async def take(self, tx: WriteTx, submission: Submission) -> Taken:
        """Take an answer; the same again changes nothing. Locks the person, the invitation, then the response.

        Raises:
            InvitationNotFound, SurveyNotFound, SurveyNotActive, SurveyNeeded: there is nothing to be answered.
            BadAnswers: an answer does not fit its question.
            AnswerTooLate, AnswerWithdrawn: it was answered, and is closed.
            WholeAnswerNeeded, NobodyMayBeNamed: the survey is anonymous.
        """
        raise NotImplementedError
