"""Ask for known weaknesses of what we ship: `python deploy/audit.py <pip-audit> <constraints>`.

Exit 0: every package was looked up and none is known to be weak. Exit 1: one is. Exit 3: not all could be looked up,
which is no verdict: a database of weaknesses out of reach must not look like a clean bill.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

SECONDS = 600
CLEAN, WEAK, UNKNOWN = 0, 1, 3


def audit(program: str, constraints: str) -> tuple[int, list[str]]:
    """Run pip-audit; the exit code and what to say, a line each."""
    command = [program, "-r", constraints, "--require-hashes", "--disable-pip", "--format", "json", "--timeout", "10"]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        found = json.loads(ended.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        return verdict(())
    return verdict(found)


def verdict(found: Sequence[Mapping[str, Any]]) -> tuple[int, list[str]]:
    """What pip-audit's list of packages says."""
    weak = [
        f"{each['name']} {each['version']}: {weakness['id']}, mended in {' or '.join(weakness['fix_versions'])}"
        for each in found
        for weakness in each.get("vulns", ())
    ]
    unknown = [each["name"] for each in found if "skip_reason" in each]
    asked = len(found) - len(unknown)
    if not asked:
        return UNKNOWN, ["Known weaknesses: no database of advisories can be asked from here; nothing was checked."]
    lines = [*weak, f"Known weaknesses: {len(weak)} in {asked} of {len(found)} packages that could be looked up."]
    return (WEAK if weak else UNKNOWN if unknown else CLEAN), lines


if __name__ == "__main__":
    code, said = audit(*sys.argv[1:3])
    sys.stdout.write("\n".join(said) + "\n")
    sys.exit(code)
