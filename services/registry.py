"""The services: the only file that imports them, each when it is asked for.

So a process that serves one of them holds none of the others, nor what they stand on.
"""

from importlib import import_module
from typing import Any

from shared.runtime.service import Service

NAMES = ("profiles", "touchpoints", "surveys", "loyalty", "metrics")
# Those that keep something of people, and answer when somebody asks for their data.
RIGHTS_HOLDERS = NAMES

SERVICES: tuple[Service, ...]


def service(name: str) -> Service:
    """The manifest of the service of that name."""
    manifest: Service = import_module(f"services.{name}.app").service
    return manifest


def __getattr__(name: str) -> Any:
    """`SERVICES`: all of them, imported at the first use."""
    if name != "SERVICES":
        raise AttributeError(name)
    found = globals()["SERVICES"] = tuple(service(each) for each in NAMES)
    return found
