"""What is refused of a search.

BadRequest  NothingToSearch
Conflict    SearchMoved
Forbidden   SensitiveTrait
"""

from services.profiles.trait_schema.errors import SENSITIVE_SCOPE
from shared.errors import BadRequest, Conflict, Forbidden


class NothingToSearch(BadRequest):
    """Neither a beginning nor a trait is given, or they hold nothing to search for."""

    code, title = "profiles.nothing_to_search", "Nothing to search for"

    def __init__(self) -> None:
        super().__init__(
            "Give `q`, at least two letters or digits of an identifier or a name, or `trait` as <name>:<value>."
        )


class SearchMoved(Conflict):
    """The customer that the page before ended with is found by something else now."""

    code, title = "profiles.search_moved", "The search has moved"

    def __init__(self) -> None:
        super().__init__("The last customer of the page before has changed since; search again from the first page.")


class SensitiveTrait(Forbidden):
    """Nobody is found by a sensitive trait without the scope for it."""

    code, title = "profiles.sensitive_trait", "Sensitive trait"

    def __init__(self) -> None:
        super().__init__(
            f"A trait of the search is declared sensitive, and the key lacks the scope {SENSITIVE_SCOPE!r}.",
            required=SENSITIVE_SCOPE,
        )
