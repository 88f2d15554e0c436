"""Whoever serves one service holds no other: seconds at the start, and memory for ever."""

import subprocess
import sys

from services.registry import NAMES, RIGHTS_HOLDERS, SERVICES, service

LOOK = """
import sys
from services.__main__ import main
sys.argv = ["tam", "serve", "--only", "touchpoints", "--role", "api"]
try:
    main()
except SystemExit as end:
    print(end.code, *sorted({name.split(".")[1] for name in sys.modules if name.startswith("services.")}),
          "scipy" in sys.modules)
"""


def test_serving_one_service_imports_no_other():
    """It ends because there is no database; what it had imported by then is all it needs."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK], capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"}
    )

    assert done.stdout.split() == ["2", "__main__", "cli", "registry", "touchpoints", "False"], done.stderr


def test_the_registry_knows_them_by_name():
    assert tuple(each.name for each in SERVICES) == NAMES
    assert tuple(each.name for each in SERVICES if each.rights is not None) == RIGHTS_HOLDERS
    assert all(service(name) is SERVICES[number] for number, name in enumerate(NAMES))
