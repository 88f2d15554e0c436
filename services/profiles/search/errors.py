"""What is refused of a search.

BadRequest  NothingToSearch
Conflict    SearchMoved
"""

from shared.errors import BadRequest, Conflict


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
