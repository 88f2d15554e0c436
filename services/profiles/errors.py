"""What profiles refuses. No sentence holds an identifier or a trait: they are personal data.

NotFound            CustomerUnknown
Conflict            AmbiguousIdentifier, IdentifierTaken, SamePerson, MergeIntoVisitor, NotMerged
PreconditionFailed  TraitsMoved
Invalid             BlockedIdentifier, BadTraits, TooManyTraits, TooManyIdentifiers, FutureTime
"""

from collections.abc import Sequence
from uuid import UUID

from shared.errors import Conflict, Invalid, NotFound, PreconditionFailed


class CustomerUnknown(NotFound):
    """Nobody goes by this reference."""

    code, title = "profiles.customer_unknown", "Customer unknown"

    def __init__(self) -> None:
        super().__init__(
            "No customer goes by this reference: a customer id, or <type>:<value> as in user_id:42 or email:a@b.c."
        )


class AmbiguousIdentifier(Conflict):
    """Several customers go by this identifier."""

    code, title = "profiles.ambiguous_identifier", "Ambiguous identifier"

    def __init__(self, customers: Sequence[UUID]) -> None:
        super().__init__("Several customers go by this identifier; take one of their ids.", customers=list(customers))


class IdentifierTaken(Conflict):
    """Another customer was seen with it first, and the type is declared so that it names that one alone."""

    code, title = "profiles.identifier_taken", "Identifier taken"

    def __init__(self, type_: str, customer: UUID) -> None:
        super().__init__(
            "Another customer goes by this identifier, and its type names the one seen with it first; merge the two if "
            "they are one person, or leave it out.",
            identifier=type_,
            customer=customer,
        )


class SamePerson(Conflict):
    """The two are one already."""

    code, title = "profiles.same_person", "Same person"

    def __init__(self, customer: UUID) -> None:
        super().__init__("The two are one person already.", customer=customer)


class MergeIntoVisitor(Conflict):
    """A known customer cannot become a visitor."""

    code, title = "profiles.merge_into_visitor", "Merge into a visitor"

    def __init__(self) -> None:
        super().__init__("An identified customer cannot be merged into an anonymous one; merge the other way round.")


class NotMerged(Conflict):
    """There is nothing to undo."""

    code, title = "profiles.not_merged", "Not merged"

    def __init__(self, customer: UUID) -> None:
        super().__init__("This customer is not merged into another.", customer=customer)


class TraitsMoved(PreconditionFailed):
    """The traits changed since they were read."""

    code, title = "profiles.traits_moved", "Traits have changed"

    def __init__(self, revision: str) -> None:
        super().__init__("The traits have changed since you read them; read them again.", revision=revision)


class BlockedIdentifier(Invalid):
    """A placeholder names nobody."""

    code, title = "profiles.blocked_identifier", "Blocked identifier"

    def __init__(self, field: str) -> None:
        super().__init__(
            f"The value of {field} is a placeholder, or not of the form that its type is declared with "
            "(GET /v1/identifier-types); it identifies nobody.",
            field=field,
        )


class BadTraits(Invalid):
    """A trait that cannot be kept."""

    code, title = "profiles.bad_traits", "Bad traits"

    def __init__(self, *, bad_names: Sequence[int], too_large: Sequence[int], max_bytes: int) -> None:
        super().__init__(
            f"Names of traits have 1 to 100 characters, values at most {max_bytes} bytes of JSON and 64 bits a number.",
            bad_names=list(bad_names),
            too_large=list(too_large),
        )


class TooManyTraits(Invalid):
    """The customer would have more traits than are kept."""

    code, title = "profiles.too_many_traits", "Too many traits"

    def __init__(self, limit: int) -> None:
        super().__init__(f"A customer has at most {limit} traits, removed ones included.", limit=limit)


class TooManyIdentifiers(Invalid):
    """The customer goes by as many as one can."""

    code, title = "profiles.too_many_identifiers", "Too many identifiers"

    def __init__(self, type_: str) -> None:
        super().__init__(
            "The customer goes by as many identifiers of this type, or has as many keys joined to it, as one can; "
            "see TAM_PROFILES_IDENTIFIER_LIMITS and TAM_PROFILES_MAX_LINKS.",
            identifier=type_,
        )


class FutureTime(Invalid):
    """A word on a trait cannot be of tomorrow: it would beat all others until then."""

    code, title = "profiles.future_time", "Time in the future"

    def __init__(self) -> None:
        super().__init__("The time lies in the future.")
