"""What is refused of types of identifiers. No sentence holds a value of one.

NotFound            IdentifierTypeUnknown
Conflict            IdentifiersStored
PreconditionFailed  IdentifierTypeMoved
Invalid             BadIdentifierType, TooManyIdentifierTypes
"""

from shared.errors import Conflict, Invalid, NotFound, PreconditionFailed


class IdentifierTypeUnknown(NotFound):
    """Nobody declared it, and it is not built in."""

    code, title = "profiles.identifier_type_unknown", "Identifier type unknown"

    def __init__(self) -> None:
        super().__init__("No type of identifiers of this name is declared; PUT declares it.")


class IdentifiersStored(Conflict):
    """Values are stored in another form already."""

    code, title = "profiles.identifiers_stored", "Identifiers are stored already"

    def __init__(self, form: str) -> None:
        super().__init__(
            f"Values of this type are stored in the form {form!r} already, and would not be found in another; keep the "
            "form, or declare a type of another name.",
            form=form,
        )


class IdentifierTypeMoved(PreconditionFailed):
    """Somebody else changed the declaration."""

    code, title = "profiles.identifier_type_moved", "Declaration has changed"

    def __init__(self, version: int) -> None:
        super().__init__("The declaration has changed since you read it; read it again.", version=version)


class BadIdentifierType(Invalid):
    """No type of identifiers can be declared so."""

    code, title = "profiles.bad_identifier_type", "Bad identifier type"

    def __init__(self, sentence: str, *, field: str) -> None:
        super().__init__(sentence, field=field)


class TooManyIdentifierTypes(Invalid):
    """As many types are declared as can be."""

    code, title = "profiles.too_many_identifier_types", "Too many identifier types"

    def __init__(self, limit: int) -> None:
        super().__init__(f"At most {limit} types of identifiers can be declared; delete one first.", limit=limit)
