"""What the segments room refuses.

NotFound    SegmentUnknown
Conflict    SegmentMoved, NameTaken, SegmentInUse, TooManySegments, NotAList
Invalid     BadRule, RuleNeeded
Forbidden   SensitiveCondition
"""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from services.profiles.trait_schema.errors import SENSITIVE_SCOPE
from shared.errors import Conflict, Forbidden, Invalid, NotFound


class SegmentUnknown(NotFound):
    """There is no such segment."""

    code, title = "profiles.segment_unknown", "Segment unknown"

    def __init__(self) -> None:
        super().__init__("There is no segment with this id.")


class SegmentMoved(Conflict):
    """Somebody else changed the segment."""

    code, title = "profiles.segment_moved", "Segment has changed"

    def __init__(self, version: int) -> None:
        super().__init__("The segment has changed since you read it; read it again.", version=version)


class NameTaken(Conflict):
    """Another segment goes by this name."""

    code, title = "profiles.segment_name_taken", "Name taken"

    def __init__(self, segment: UUID) -> None:
        super().__init__("Another segment has this name.", segment=segment)


class SegmentInUse(Conflict):
    """Rules of others ask for it, or personas in use describe who is in it."""

    code, title = "profiles.segment_in_use", "Segment in use"

    def __init__(self, segments: Sequence[UUID], personas: Sequence[str]) -> None:
        super().__init__(
            "The rules of other segments ask for this one, or personas in use describe it; change those first.",
            segments=list(segments),
            personas=list(personas),
        )


class TooManySegments(Conflict):
    """Each fact is looked at with all segments."""

    code, title = "profiles.too_many_segments", "Too many segments"

    def __init__(self, limit: int) -> None:
        super().__init__(f"There are at most {limit} segments; delete one that nobody uses.", limit=limit)


class Problem(NamedTuple):
    """One thing that is wrong with a rule: where (JSON Pointer), a code, and a sentence."""

    pointer: str
    code: str
    message: str


class BadRule(Invalid):
    """The rule is none; `problems` say where and why."""

    code, title = "profiles.bad_rule", "Bad rule"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(
            f"The rule cannot be read: {problems[0].message}",
            problems=[each._asdict() for each in problems],
        )


class RuleNeeded(Invalid):
    """A rule segment has a rule, a static one has none."""

    code, title = "profiles.rule_needed", "Rule or list"

    def __init__(self, *, is_static: bool) -> None:
        super().__init__("A static segment has no rule." if is_static else "A segment by rule needs its rule.")


class SensitiveCondition(Forbidden):
    """Nobody finds out a sensitive trait by asking who has it."""

    code, title = "profiles.sensitive_condition", "Sensitive condition"

    def __init__(self) -> None:
        super().__init__(
            f"The rule asks for a trait that is declared sensitive, and the key lacks the scope {SENSITIVE_SCOPE!r}.",
            required=SENSITIVE_SCOPE,
        )


class NotAList(Conflict):
    """Members of a segment by rule follow from the rule."""

    code, title = "profiles.not_a_list", "Not a list"

    def __init__(self) -> None:
        super().__init__("Who is in this segment follows from its rule; only static segments take members.")
