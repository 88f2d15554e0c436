"""Settings come from the environment (`TAM_…`), are read once at the start and passed down.

A wrong value, or a `TAM_` variable that nobody knows, ends the start with one sentence that names it. Any of them may
stand in a file instead, which `TAM_…_FILE` names: that is how containers are given secrets.
"""

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import SplitResult, quote, urlsplit
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from shared.clock import time_zones
from shared.errors import ConfigError
from shared.money import MoneyError, currency_code

PREFIX = "TAM_"
# Appended to the name of a setting: the file that holds its value.
IN_FILE = "_FILE"


class Settings(BaseModel):
    """A frozen group: a field `batch_size` of a group with prefix `TAM_LOYALTY_` is `TAM_LOYALTY_BATCH_SIZE`."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class PlatformSettings(Settings):
    """What every service shares. Without any of it the platform runs embedded, in one process."""

    data_dir: Path = Field(Path("tam-data"), description="Folder of the embedded database.")
    host: str = Field("127.0.0.1", description="Address the HTTP server listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port the HTTP server listens on; 0 takes a free one.")
    # Before the URL, which it is put into.
    database_password: str | None = Field(
        None, repr=False, description="Password for a TAM_DATABASE_URL that holds none."
    )
    database_url: str | None = Field(
        None,
        repr=False,
        description="postgresql://user:password@host/database, with ?sslmode=verify-full&sslrootcert=<file> where the "
        "server is elsewhere; unset: the embedded server.",
    )
    database_pool_size: int = Field(12, ge=4, le=200, description="Most connections per service and process.")
    kafka_bootstrap_servers: str | None = Field(
        None, description="host:port[,host:port]; unset: the PostgreSQL log is the bus."
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_sasl_username: str | None = None
    kafka_sasl_password: str | None = Field(None, repr=False)
    kafka_ssl_cafile: Path | None = Field(
        None, description="File with the certificates that sign the brokers'; unset: those the system trusts."
    )
    kafka_ssl_certfile: Path | None = Field(
        None,
        description="File with our certificate, for brokers that want one (mTLS), and those between it and its root.",
    )
    kafka_ssl_keyfile: Path | None = Field(None, description="File with the key of our certificate.")
    kafka_ssl_key_password: str | None = Field(None, repr=False, description="What that key is encrypted with.")
    kafka_replication_factor: int = Field(1, ge=1, le=7, description="Copies of each partition when topics are made.")
    topic_prefix: str = Field("tam.", pattern=r"^[A-Za-z0-9._-]{0,40}$", description="Prefix of Kafka topic names.")
    partitions: int = Field(4, ge=1, le=1024, description="Partitions of a topic when it is made.")
    time_zone: str = Field("Asia/Ho_Chi_Minh", description="The firm's IANA time zone: its days are our days.")
    currency: str | None = Field(
        None, description="ISO 4217 code figures are shown in; unset: the currency with the most orders."
    )
    margin: float = Field(1.0, gt=0, le=1, description="Share of net revenue that is lifetime value.")
    installation_key: str | None = Field(
        None,
        min_length=32,
        repr=False,
        description="Secret of this installation, at least 32 characters: marks of erased people and signatures of "
        "receipts are made with it. Unset: one is made, and kept in the database.",
    )
    auto_migrate: bool = Field(True, description="Bring the schemas up to date at start; off: `tam migrate` does it.")
    start_patience_seconds: float = Field(
        0, ge=0, le=3600, description="How long a start waits for PostgreSQL, its schemas and Kafka; 0: not at all."
    )
    traces_url: str | None = Field(
        None,
        pattern=r"^https?://[^/\s]+(/\S*)?$",
        description="Collector of OpenTelemetry (OTLP over HTTP) that traces are sent to, such as "
        "http://collector:4318/v1/traces; unset: none are made.",
    )
    traces_share: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Share of the traces begun here that are recorded; what a caller decided for its own is kept.",
    )
    traces_headers: str | None = Field(
        None, repr=False, description="Headers for the collector: name=value[,name=value], values URL-encoded."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "json", "console"] = "auto"

    @field_validator("time_zone")
    @classmethod
    def _zone_is_known(cls, value: str) -> str:
        if value not in time_zones():
            raise ValueError(f"{value!r} is not an IANA time zone such as Asia/Ho_Chi_Minh")
        return value

    @field_validator("currency")
    @classmethod
    def _currency_is_known(cls, value: str | None) -> str | None:
        try:
            return None if value is None else currency_code(value)
        except MoneyError as error:
            raise ValueError(str(error)) from None

    @field_validator("database_url")
    @classmethod
    def _url_is_postgresql(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        if not value.startswith(("postgresql://", "postgres://", "postgresql+asyncpg://")):
            raise ValueError("it must begin with postgresql://")
        parts = urlsplit(value)
        check_port(parts)
        password = info.data.get("database_password")
        if password is None:
            return value
        if parts.password is not None or not parts.username:
            raise ValueError("beside TAM_DATABASE_PASSWORD it names a user, and holds no password")
        user, _, where = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{user}:{quote(password, safe='')}@{where}").geturl()

    @property
    def zone(self) -> ZoneInfo:
        """The firm's time zone."""
        return ZoneInfo(self.time_zone)

    @property
    def is_embedded(self) -> bool:
        """Whether the platform brings its own PostgreSQL."""
        return self.database_url is None


def check_port(parts: SplitResult) -> None:
    """Raise a `ValueError` that tells nothing of the URL where its port is no number."""
    try:
        _ = parts.port
    except ValueError:
        # The library's sentence quotes what it took for the port: of a password with a slash, a part.
        raise ValueError("its port is no number; in a password write / as %2F, # as %23 and ? as %3F") from None


S = TypeVar("S", bound=Settings)


def load(
    group: type[S],
    *,
    prefix: str = PREFIX,
    environ: Mapping[str, str] | None = None,
    known_prefixes: Iterable[str] = (),
) -> S:
    """Read one group of settings.

    `known_prefixes` are those of other groups (`TAM_LOYALTY_`), whose variables are not this group's business.

    Raises:
        ConfigError: a value is wrong, or a variable with the prefix is unknown.
    """
    environ = os.environ if environ is None else environ
    known = {prefix + name.upper(): name for name in group.model_fields}
    # TAM_TEST_… and TAM_REQUIRE_… steer the test run, TAM_KEY is a person's own key: none is the platform's.
    others = (*known_prefixes, "TAM_TEST_", "TAM_REQUIRE_", "TAM_KEY")
    values: dict[str, str] = {}
    for variable, value in environ.items():
        if not variable.startswith(prefix) or variable.startswith(tuple(others)):
            continue
        setting = variable if variable in known else variable.removesuffix(IN_FILE)
        if setting not in known:
            meant = get_close_matches(variable, known, n=1, cutoff=0.8)
            hint = f"did you mean {meant[0]}?" if meant else "see `tam settings` for those there are."
            raise ConfigError(f"{variable} is not a setting; {hint}")
        meant_value = value if variable == setting or value == "" else _content(variable, value)
        if meant_value == "":
            continue
        if known[setting] in values:
            raise ConfigError(f"{setting} is set twice, as {setting + IN_FILE} too.")
        values[known[setting]] = meant_value
    try:
        return group.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        variable = prefix + str(first["loc"][0]).upper()
        reason = first["msg"].removeprefix("Value error, ").rstrip(".")
        raise ConfigError(f"{variable} is wrong: {reason}.") from None


def _content(variable: str, file: str) -> str:
    """The value that stands in a file, without the line's end that editors leave."""
    try:
        return Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or type(error).__name__).lower()
        raise ConfigError(f"{variable} is wrong: {file} cannot be read ({reason}).") from None
