"""The receipt of a case: what was done, where, when, what stays and why. It names nobody."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from services.profiles.rights.domain.cases import Case, Progress

# What no program of ours can reach, said as it is.
_ELSEWHERE = {
    "backups": "Backups of the database are the firm's own; what is in them goes when they are overwritten. After "
    "restoring one that is older than this receipt, repeat the erasure.",
}
_SERVER = {
    "the PostgreSQL server's files": "The server is the firm's own. Deleted rows are overwritten as pages and "
    "write-ahead log are used again; `VACUUM FULL` and a checkpoint do it at once.",
}


def receipt_of(
    case: Case, progress: Iterable[Progress], at: datetime, *, is_alone: bool, more: Mapping[str, Any]
) -> str:
    """The receipt as canonical JSON: keys in order, no spaces, UTF-8."""
    steps = list(progress)
    kept: dict[str, str] = {}
    removed: dict[str, dict[str, int]] = {}
    for step in steps:
        kept.update(step.kept)
        places = removed.setdefault(step.service, {})
        for place, number in step.removed.items():
            places[place] = places.get(place, 0) + number
    if case.kind == "erasure":
        kept |= _ELSEWHERE if is_alone else _ELSEWHERE | _SERVER
    document = {
        "case": str(case.id),
        "kind": case.kind,
        "customer": str(case.customer_id),
        "keys": sorted(map(str, case.keys)),
        "jurisdiction": case.jurisdiction,
        "rules": list(case.rules),
        "verified_by": case.verified_by,
        "received_at": case.received_at.isoformat(),
        "due_at": case.due_at.isoformat(),
        "finished_at": at.isoformat(),
        "purposes": list(case.purposes),
        "services": sorted({step.service for step in steps}),
        "removed": {service: places for service, places in removed.items() if places},
        "kept": kept,
        **more,
    }
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
