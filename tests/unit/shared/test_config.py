"""Settings: read once, and a wrong one ends the start with one sentence that names it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from shared.config import PlatformSettings, Settings, load
from shared.errors import ConfigError


class PointsSettings(Settings):
    expire_days: int = Field(365, ge=1)


def read(**environ: str) -> PlatformSettings:
    return load(PlatformSettings, environ=environ)


def test_without_any_setting_the_platform_is_embedded():
    settings = read(PATH="/bin", HOME="/root")

    assert settings.is_embedded
    assert settings.data_dir == Path("tam-data")
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert str(settings.zone) == "Asia/Ho_Chi_Minh"


def test_settings_come_from_the_environment():
    settings = read(TAM_DATA_DIR="/srv/tam", TAM_PORT="9000", TAM_DATABASE_URL="postgresql://a@b/c", TAM_CURRENCY="vnd")

    assert settings.data_dir == Path("/srv/tam")
    assert settings.port == 9000
    assert settings.currency == "VND"
    assert not settings.is_embedded


def test_an_empty_value_is_no_value():
    """Compose files and CI write `TAM_PORT=` for "not set"."""
    assert read(TAM_PORT="", TAM_DATABASE_URL="") == read()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TAM_PORT", "eight"),
        ("TAM_PORT", "65536"),
        ("TAM_PORT", "-1"),
        ("TAM_PORT", "80.5"),
        ("TAM_DATABASE_URL", "mysql://root@db/tam"),
        ("TAM_DATABASE_URL", "db.example.com"),
        ("TAM_DATABASE_POOL_SIZE", "0"),
        ("TAM_KAFKA_SECURITY_PROTOCOL", "TLS"),
        ("TAM_KAFKA_SASL_MECHANISM", "GSSAPI"),
        ("TAM_KAFKA_REPLICATION_FACTOR", "0"),
        ("TAM_TOPIC_PREFIX", "tam/"),
        ("TAM_PARTITIONS", "0"),
        ("TAM_TIME_ZONE", "Saigon"),
        ("TAM_TIME_ZONE", "UTC+7"),
        ("TAM_TIME_ZONE", "../../etc/passwd"),
        ("TAM_CURRENCY", "đồng"),
        ("TAM_CURRENCY", "XXX"),
        ("TAM_MARGIN", "0"),
        ("TAM_MARGIN", "30%"),
        ("TAM_MARGIN", "nan"),
        ("TAM_AUTO_MIGRATE", "perhaps"),
        ("TAM_LOG_LEVEL", "LOUD"),
        ("TAM_LOG_FORMAT", "xml"),
    ],
)
def test_a_wrong_value_ends_in_one_sentence_that_names_it(variable: str, value: str):
    with pytest.raises(ConfigError) as refused:
        read(**{variable: value})

    sentence = str(refused.value)
    assert sentence.startswith(f"{variable} is wrong: ")
    assert sentence.endswith(".")
    assert not sentence.endswith("..")
    assert "\n" not in sentence
    assert refused.value.exit_code == 2


def test_a_secret_in_a_wrong_value_is_not_repeated():
    with pytest.raises(ConfigError) as refused:
        read(TAM_DATABASE_URL="postgres//tam:hunter2@db/tam")

    assert "hunter2" not in str(refused.value)


def test_a_password_is_not_shown():
    assert "hunter2" not in repr(read(TAM_KAFKA_SASL_PASSWORD="hunter2"))


@pytest.mark.parametrize("variable", ["TAM_PROT", "TAM_DATABASE", "TAM_", "TAM_port"])
def test_a_misspelt_setting_is_not_passed_over(variable: str):
    with pytest.raises(ConfigError, match=f"^{variable} is not a setting"):
        read(**{variable: "8000"})


def test_variables_of_others_are_none_of_our_business():
    assert read(TAMARA="x", TAM_TEST_DATABASE_URL="x", TAM_REQUIRE_KAFKA="1") == read()


def test_a_service_reads_its_own_group():
    environ = {"TAM_PORT": "9000", "TAM_POINTS_EXPIRE_DAYS": "30"}

    assert load(PlatformSettings, environ=environ, known_prefixes=("TAM_POINTS_",)).port == 9000
    assert load(PointsSettings, prefix="TAM_POINTS_", environ=environ).expire_days == 30


def test_a_wrong_value_of_a_service_names_its_variable():
    with pytest.raises(ConfigError, match=r"^TAM_POINTS_EXPIRE_DAYS is wrong: "):
        load(PointsSettings, prefix="TAM_POINTS_", environ={"TAM_POINTS_EXPIRE_DAYS": "0"})


def test_settings_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        read().port = 1


@given(value=st.text(alphabet=st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30))
def test_whatever_stands_there_is_read_or_refused_by_name(value: str):
    for variable in ("TAM_PORT", "TAM_TIME_ZONE", "TAM_CURRENCY", "TAM_MARGIN", "TAM_DATABASE_URL"):
        try:
            read(**{variable: value})
        except ConfigError as refused:
            message = str(refused)
            assert message.startswith(variable)
            assert "\n" not in message


def test_a_secret_may_stand_in_a_file(tmp_path: Path):
    """As Compose and Kubernetes mount them, with the end of line that editors leave."""
    (tmp_path / "key").write_text("k" * 40 + "\n")

    assert read(TAM_INSTALLATION_KEY_FILE=str(tmp_path / "key")).installation_key == "k" * 40
    assert read(TAM_INSTALLATION_KEY_FILE="").installation_key is None
    (tmp_path / "key").write_text("\n")
    assert read(TAM_INSTALLATION_KEY_FILE=str(tmp_path / "key")).installation_key is None


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        (
            {"TAM_INSTALLATION_KEY_FILE": "/does/not/exist"},
            "TAM_INSTALLATION_KEY_FILE is wrong: /does/not/exist cannot",
        ),
        ({"TAM_INSTALLATION_KEY_FILE": "/"}, "TAM_INSTALLATION_KEY_FILE is wrong: / cannot be read (is a directory)."),
        (
            {"TAM_INSTALLATION_KEY_FILE": __file__, "TAM_INSTALLATION_KEY": "k" * 40},
            "TAM_INSTALLATION_KEY is set twice",
        ),
        ({"TAM_INSTALATION_KEY_FILE": __file__}, "TAM_INSTALATION_KEY_FILE is not a setting; did you mean"),
        ({"TAM_FILE": __file__}, "TAM_FILE is not a setting"),
    ],
)
def test_a_wrong_file_ends_in_one_sentence(environ: dict[str, str], says: str):
    with pytest.raises(ConfigError) as refused:
        read(**environ)

    assert str(refused.value).startswith(says)


def test_the_password_of_the_database_may_stand_elsewhere(tmp_path: Path):
    (tmp_path / "password").write_text("p@ss/w:rd%\n")
    read_it = {"TAM_DATABASE_PASSWORD_FILE": str(tmp_path / "password")}

    settings = read(TAM_DATABASE_URL="postgresql://metrics@db:5432/tam?sslmode=require", **read_it)

    assert settings.database_url == "postgresql://metrics:p%40ss%2Fw%3Ard%25@db:5432/tam?sslmode=require"


@pytest.mark.parametrize("url", ["postgresql://metrics:other@db/tam", "postgresql://db/tam"])
def test_a_url_that_takes_no_password_is_wrong(url: str):
    with pytest.raises(ConfigError, match=r"TAM_DATABASE_URL is wrong: beside TAM_DATABASE_PASSWORD it names a user"):
        read(TAM_DATABASE_URL=url, TAM_DATABASE_PASSWORD="secret")
