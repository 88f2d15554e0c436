"""From which status a case goes to which."""

from collections.abc import Mapping

from services.surveys.cases.domain.case import Status

# Closing from where it was not resolved resolves it in the same moment; only reopening leads back out of closed.
MOVES: Mapping[Status, frozenset[Status]] = {
    "open": frozenset({"in_progress", "waiting_customer", "resolved", "closed"}),
    "in_progress": frozenset({"waiting_customer", "resolved", "closed"}),
    "waiting_customer": frozenset({"in_progress", "resolved", "closed"}),
    "resolved": frozenset({"in_progress", "closed"}),
    "closed": frozenset({"in_progress"}),
}
