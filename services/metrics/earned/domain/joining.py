"""Why somebody became a customer, as they say themselves."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from shared.events.catalogue.surveys import SurveyAnswered, SurveyPublished

# earned: somebody else brought them. bought: an advertisement, a promotion or a sale did.
Reason = Literal["earned", "bought"]
# Of each question that asks why, the options that say that somebody else brought them.
Earned = Mapping[str, Sequence[str]]
Chosen = Mapping[str, Sequence[str]]


class Joined(NamedTuple):
    """What a response chose; nothing, where it does not count: taken back, or only inferred from a click."""

    revision: int
    chosen: Chosen


def earned_options(published: SurveyPublished) -> Earned | None:
    """The questions of a version that ask why, with their options; None if it is no survey of new customers."""
    if published.purpose != "joining":
        return None
    return {question.id: sorted(question.earned) for question in published.questions if question.earned}


def chosen_in(answered: SurveyAnswered) -> Chosen:
    """What a response chose, by question."""
    if answered.state == "withdrawn" or answered.verification != "confirmed":
        return {}
    return {each.question_id: sorted(each.chosen) for each in answered.scores if each.chosen}


def reason(earned: Earned, chosen: Chosen) -> Reason | None:
    """Why, if the answer says one thing: None if nothing was chosen, or options that say both."""
    said = {
        option in earned[question] for question, options in chosen.items() if question in earned for option in options
    }
    if len(said) != 1:
        return None
    return "earned" if said.pop() else "bought"
