"""What cases refuse.

NotFound             CaseUnknown, TeamUnknown, AgentUnknown, CalendarUnknown, RootCauseUnknown, ImprovementUnknown
Conflict             CaseIsMerged, BadMove, NotMergeable, NotSeparable, AlreadyOpened, NotPublished
PreconditionFailed   CaseMoved, SettingMoved
Invalid              BadCaseCustomer, BadPolicy, ContactInFuture, BadPeriod
"""

from typing import Any

from shared.errors import Conflict, Invalid, NotFound, PreconditionFailed


class CaseUnknown(NotFound):
    """There is no such case."""

    code, title = "surveys.case_unknown", "Case unknown"

    def __init__(self) -> None:
        super().__init__("There is no case with this id.")


class TeamUnknown(NotFound):
    """There is no such team."""

    code, title = "surveys.case_team_unknown", "Team unknown"

    def __init__(self, key: str) -> None:
        super().__init__("There is no team with this key.", team=key)


class AgentUnknown(NotFound):
    """There is no such agent."""

    code, title = "surveys.case_agent_unknown", "Agent unknown"

    def __init__(self, key: str) -> None:
        super().__init__("There is no agent with this key.", agent=key)


class CalendarUnknown(NotFound):
    """There is no such calendar."""

    code, title = "surveys.case_calendar_unknown", "Calendar unknown"

    def __init__(self, key: str) -> None:
        super().__init__("There is no calendar with this key.", calendar=key)


class RootCauseUnknown(NotFound):
    """The firm keeps no such root cause, or uses it no more."""

    code, title = "surveys.case_root_cause_unknown", "Root cause unknown"

    def __init__(self, key: str) -> None:
        super().__init__("There is no root cause with this key that is in use.", root_cause=key)


class ImprovementUnknown(NotFound):
    """There is no such improvement."""

    code, title = "surveys.case_improvement_unknown", "Improvement unknown"

    def __init__(self) -> None:
        super().__init__("There is no improvement with this id.")


class CaseIsMerged(Conflict):
    """The case is part of another one."""

    code, title = "surveys.case_merged", "Case merged"

    def __init__(self, into: str) -> None:
        super().__init__("This case was merged into another one; work on that, or take them apart.", merged_into=into)


class BadMove(Conflict):
    """A case does not go from this status to that."""

    code, title = "surveys.case_bad_move", "Not possible now"

    def __init__(self, status: str, wanted: str) -> None:
        super().__init__(f"A case that is {status} cannot become {wanted}.", status=status, wanted=wanted)


class NotMergeable(Conflict):
    """The two cases do not become one."""

    code, title = "surveys.case_not_mergeable", "Cases cannot be merged"

    def __init__(self, reason: str) -> None:
        super().__init__(f"These cases cannot be merged: {reason}.")


class NotSeparable(Conflict):
    """The case cannot be taken out of the other."""

    code, title = "surveys.case_not_separable", "Case cannot be taken apart"

    def __init__(self, reason: str) -> None:
        super().__init__(f"This case cannot be taken apart: {reason}.")


class AlreadyOpened(Conflict):
    """The response has its case."""

    code, title = "surveys.case_already_opened", "Case already opened"

    def __init__(self, case_id: str) -> None:
        super().__init__("This response has a case already.", case_id=case_id)


class NotPublished(Conflict):
    """Nobody is to be told of it yet."""

    code, title = "surveys.case_improvement_not_published", "Not published"

    def __init__(self) -> None:
        super().__init__("Publish the improvement before customers are told of it.")


class CaseMoved(PreconditionFailed):
    """Somebody changed the case in between."""

    code, title = "surveys.case_moved", "Case changed"

    def __init__(self, version: int) -> None:
        super().__init__("The case was changed in between; get it again.", version=version)


class SettingMoved(PreconditionFailed):
    """Somebody changed the setting in between."""

    code, title = "surveys.case_setting_moved", "Setting changed"

    def __init__(self, version: int) -> None:
        super().__init__("This was changed in between; get it again.", version=version)


class BadCaseCustomer(Invalid):
    """The customer reference is none."""

    code, title = "surveys.case_bad_customer", "Bad customer reference"

    def __init__(self) -> None:
        super().__init__("Name the customer as a customer id, user_id:<value> or anonymous_id:<value>.")


class BadPolicy(Invalid):
    """The policy contradicts itself, or names what is not there."""

    code, title = "surveys.case_bad_policy", "Bad policy"

    def __init__(self, detail: str, **data: Any) -> None:
        super().__init__(detail, **data)


class ContactInFuture(Invalid):
    """Nobody has spoken to the customer tomorrow."""

    code, title = "surveys.case_contact_in_future", "Contact in the future"

    def __init__(self) -> None:
        super().__init__("The contact lies in the future; say it when it has happened.")


class BadPeriod(Invalid):
    """The days do not make a period."""

    code, title = "surveys.case_bad_period", "Bad period"

    def __init__(self) -> None:
        super().__init__("A period ends on its first day or after, and is at most ten years long.")
