"""What achievements refuse.

NotFound    AchievementUnknown
Conflict    AchievementNameTaken, AchievementState, TooManyAchievements, ProgramRests
Invalid     BadAchievement, BadAchiever, AchievementInPast
"""

from shared.errors import Conflict, Invalid, NotFound


class AchievementUnknown(NotFound):
    """There is no such achievement."""

    code, title = "loyalty.achievement_unknown", "Achievement unknown"

    def __init__(self) -> None:
        super().__init__("There is no achievement with this id.")


class AchievementNameTaken(Conflict):
    """Another achievement goes by this name."""

    code, title = "loyalty.achievement_name_taken", "Name taken"

    def __init__(self) -> None:
        super().__init__("Another achievement has this name.")


class ProgramRests(Conflict):
    """The programme is paused, or archived: it gives nothing."""

    code, title = "loyalty.program_paused", "Programme paused"

    def __init__(self, program: str) -> None:
        super().__init__("The programme does not go on now: what is due is given when it does.", program=program)


class TooManyAchievements(Conflict):
    """There is no room for another one."""

    code, title = "loyalty.too_many_achievements", "Too many achievements"

    def __init__(self, limit: int) -> None:
        super().__init__("Archive an achievement before another one is put in force.", limit=limit)


class AchievementState(Conflict):
    """In its state that cannot be done."""

    code, title = "loyalty.achievement_state", "Wrong state"

    def __init__(self, state: str, wanted: str) -> None:
        super().__init__(f"The achievement is {state}; this can be done with one that is {wanted}.", state=state)


class BadAchievement(Invalid):
    """The achievement names what is not there."""

    code, title = "loyalty.bad_achievement", "Bad achievement"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)


class AchievementInPast(Invalid):
    """It would change what was reached."""

    code, title = "loyalty.achievement_in_past", "Achievement in the past"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)


class BadAchiever(Invalid):
    """The customer reference is none."""

    code, title = "loyalty.achievement_bad_customer", "Bad customer reference"

    def __init__(self) -> None:
        super().__init__("Name the customer as a customer id, user_id:<value> or anonymous_id:<value>.")
