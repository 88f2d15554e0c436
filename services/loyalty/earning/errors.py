"""What earning refuses.

NotFound    RuleUnknown, FactUnknown
Conflict    RuleMoved, RuleNameTaken, TooManyRules, RuleLives
Invalid     BadRule, RuleInPast, BadQuote, FutureFact
BadRequest  BadEarner
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.errors import BadRequest, Conflict, Invalid, NotFound


class Problem(NamedTuple):
    """One thing that is wrong with a rule: where (JSON Pointer), a code, and a sentence that mends it."""

    pointer: str
    code: str
    message: str


class BadRule(Invalid):
    """The rule contradicts itself, or what it names is not there."""

    code, title = "loyalty.bad_rule", "Bad rule"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(
            f"The rule cannot work: {problems[0].pointer or '/'}: {problems[0].message}",
            problems=[each._asdict() for each in problems],
        )


class RuleInPast(Invalid):
    """A rule that holds from a past moment changes what was earned since."""

    code, title = "loyalty.rule_in_past", "Rule in the past"

    def __init__(self, now: datetime) -> None:
        super().__init__(
            "The rule would hold from a moment in the past, and change points that were given; say "
            "`retroactive: true` if that is meant, after a preview.",
            now=now.isoformat(),
        )


class BadQuote(Invalid):
    """The basket cannot be reckoned."""

    code, title = "loyalty.bad_quote", "Bad basket"

    def __init__(self, currency: str) -> None:
        super().__init__("The currency is not an ISO 4217 code such as VND.", currency=currency)


class FutureFact(Invalid):
    """What has not happened earns nothing."""

    code, title = "loyalty.future_fact", "Fact in the future"

    def __init__(self) -> None:
        super().__init__("The fact lies in the future; tell it when it has happened.")


class BadEarner(BadRequest):
    """The reference names nobody."""

    code, title = "loyalty.bad_customer", "Bad customer"

    def __init__(self) -> None:
        super().__init__("A customer is a customer id (a UUID), `user_id:<value>` or `anonymous_id:<value>`.")


class RuleUnknown(NotFound):
    """There is no such rule."""

    code, title = "loyalty.rule_unknown", "Rule unknown"

    def __init__(self) -> None:
        super().__init__("There is no earning rule with this id.")


class FactUnknown(NotFound):
    """Nothing is known of the order."""

    code, title = "loyalty.fact_unknown", "Order unknown"

    def __init__(self) -> None:
        super().__init__("Loyalty knows no order with this id that was placed.")


class RuleMoved(Conflict):
    """Somebody else changed the rule."""

    code, title = "loyalty.rule_moved", "Rule has changed"

    def __init__(self, version: int) -> None:
        super().__init__("The rule has changed since you read it; read it again.", version=version)


class RuleNameTaken(Conflict):
    """Another rule goes by this name."""

    code, title = "loyalty.rule_name_taken", "Name taken"

    def __init__(self, rule: UUID) -> None:
        super().__init__("Another earning rule has this name.", rule=rule)


class RuleLives(Conflict):
    """A rule that ever held is part of the reason of points."""

    code, title = "loyalty.rule_lives", "Rule was active"

    def __init__(self) -> None:
        super().__init__("The rule was active, so points rest on it: end it instead of deleting it.")


class TooManyRules(Conflict):
    """Each fact is looked at with all rules."""

    code, title = "loyalty.too_many_rules", "Too many rules"

    def __init__(self, limit: int) -> None:
        super().__init__(f"There are at most {limit} earning rules that have not ended.", limit=limit)
