"""What is refused of the schema of traits, and by it. Names in an answer are declared ones; values never are there.

NotFound            TraitUndeclared
PreconditionFailed  DeclarationMoved
Invalid             BadTraitName, TooManyDeclared, TraitsMisfit
"""

from collections.abc import Sequence
from typing import Any

from shared.errors import Invalid, NotFound, PreconditionFailed

# May see traits that are declared sensitive in lists and exports.
SENSITIVE_SCOPE = "profiles:sensitive"


class TraitUndeclared(NotFound):
    """There is no such declaration."""

    code, title = "profiles.trait_undeclared", "Trait not declared"

    def __init__(self) -> None:
        super().__init__("No trait of this name is declared.")


class DeclarationMoved(PreconditionFailed):
    """Somebody else changed the declaration."""

    code, title = "profiles.trait_declaration_moved", "Declaration has changed"

    def __init__(self, version: int) -> None:
        super().__init__("The declaration has changed since you read it; read it again.", version=version)


class BadTraitName(Invalid):
    """No trait can have this name."""

    code, title = "profiles.bad_trait_name", "Bad trait name"

    def __init__(self) -> None:
        super().__init__("Names of traits have 1 to 100 printable characters.")


class TooManyDeclared(Invalid):
    """As many traits are declared as can be."""

    code, title = "profiles.too_many_declared_traits", "Too many declared traits"

    def __init__(self, limit: int) -> None:
        super().__init__(f"At most {limit} traits can be declared; delete one first.", limit=limit)


class TraitsMisfit(Invalid):
    """Something that is said does not fit the declared types; nothing of the request was stored."""

    code, title = "profiles.traits_misfit", "Traits do not fit their types"

    def __init__(self, misfits: Sequence[dict[str, Any]]) -> None:
        super().__init__(
            "Some traits do not fit what is declared of them; each of `misfits` says which, and how to mend it.",
            misfits=list(misfits),
        )
