"""`tam settings`: every setting, what it is and what it means."""

from collections.abc import Iterator

from rich.table import Table

from services.cli.common import fail, read_settings, show
from services.registry import SERVICES
from shared.config import Settings, load
from shared.errors import UserError
from shared.http.settings import AUTH_PREFIX, HTTP_PREFIX, AuthSettings, HttpSettings
from shared.runtime.platform import load_service_settings, settings_prefix


def settings() -> None:
    """Show every setting, what it is now and what it means."""
    table = Table("setting", "is", "meaning", box=None, pad_edge=False)
    try:
        for prefix, group in _groups():
            for name, field in type(group).model_fields.items():
                table.add_row(prefix + name.upper(), _shown(group, name), field.description or "")
    except UserError as error:
        fail(str(error), error.exit_code)
    show(table)


def _groups() -> Iterator[tuple[str, Settings]]:
    yield "TAM_", read_settings()
    yield HTTP_PREFIX, load(HttpSettings, prefix=HTTP_PREFIX)
    yield AUTH_PREFIX, load(AuthSettings, prefix=AUTH_PREFIX)
    of_services = load_service_settings(SERVICES)
    for service in SERVICES:
        if service.name in of_services:
            yield settings_prefix(service), of_services[service.name]


def _shown(group: Settings, name: str) -> str:
    """The value, unless it is a secret or may hold one."""
    value = getattr(group, name)
    if value is None:
        return ""
    if not type(group).model_fields[name].repr or name == "database_url":
        return "(set)"
    return str(value)
