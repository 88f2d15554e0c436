"""The command as a person meets it: help, and one clear line for whatever they can mend."""

import json
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from e2e_world import Shop, clean_environ, fresh, serving, tam

from shared.testing.ports import free_port

COMMANDS = [
    "serve",
    "migrate",
    "topics",
    "keys",
    "import",
    "export",
    "demo",
    "replay",
    "dlq",
    "rights",
    "contracts",
    "settings",
]


def one_line(ended: subprocess.CompletedProcess[str]) -> str:
    """The one line a failed command leaves on stderr."""
    assert "Traceback" not in ended.stderr, ended.stderr
    lines = ended.stderr.strip().splitlines()
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith("tam: ")
    assert ended.stdout == ""
    return lines[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_helps(command: str):
    ended = tam(command, "--help")

    assert ended.returncode == 0
    assert f"tam {command}" in ended.stdout
    assert ended.stderr == ""


def test_the_bare_command_shows_all_commands():
    ended = tam()

    assert ended.returncode == 2
    assert all(f" {command} " in ended.stdout + ended.stderr for command in COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "environ", "says", "code"),
    [
        (["serve"], {"TAM_PORT": "http"}, "TAM_PORT is wrong", 2),
        (["serve"], {"TAM_PORT": "99999"}, "TAM_PORT is wrong", 2),
        (["serve"], {"TAM_PROT": "8000"}, "TAM_PROT is not a setting; did you mean TAM_PORT?", 2),
        (["serve"], {"TAM_TIME_ZONE": "Saigon"}, "TAM_TIME_ZONE is wrong: 'Saigon' is not an IANA time zone", 2),
        (["serve"], {"TAM_CURRENCY": "DONG"}, "TAM_CURRENCY is wrong", 2),
        (["serve"], {"TAM_DATABASE_URL": "mysql://shop"}, "TAM_DATABASE_URL is wrong", 2),
        (["serve"], {"TAM_DATABASE_URL": "postgresql://u:p@127.0.0.1:port/x"}, "TAM_DATABASE_URL is wrong", 2),
        (["serve"], {"TAM_DATABASE_URL": "postgresql://u:secret@127.0.0.1:1/x"}, "PostgreSQL cannot be reached", 1),
        (["serve"], {"TAM_HTTP_MAX_BODY_BYTES": "1"}, "TAM_HTTP_MAX_BODY_BYTES is wrong", 2),
        (["serve", "--role", "api"], {}, "--role api needs TAM_DATABASE_URL", 2),
        (["serve", "--role", "boss"], {}, "'boss' is not one of", 2),
        (["serve", "--only", "shipping"], {}, "There is no service 'shipping'; there are profiles,", 2),
        (["serve", "--only", ""], {}, "There is no service ''", 2),
        (["serve", "--on-fire"], {}, "No such option", 2),
        (["sreve"], {}, "No such command 'sreve'", 2),
        (["keys", "create", "x"], {}, "A secret key needs at least one --scope", 2),
        (["keys", "create", "x", "--kind", "gold"], {}, "'gold' is not one of", 2),
        (["replay", "shipping"], {}, "There is no service 'shipping'", 2),
        (["import", "orders", "/does/not/exist.csv"], {}, "does not exist", 2),
        (["import", "customers", "/does/not/exist.csv"], {}, "does not exist", 2),
        (["export", "customers", "/dev/null"], {}, "is there already; take another name, or --force", 2),
        (["dlq", "show", "not-an-id"], {}, "Input should be a valid UUID", 2),
        (["dlq", "retry"], {}, "Name dead letters by id, or give --all", 2),
        (["demo", "--exit"], {"TAM_DATA_DIR": "/dev/null/x"}, "/dev/null/x", 1),
    ],
)
def test_a_mistake_ends_in_one_line(
    arguments: list[str], environ: dict[str, str], says: str, code: int, data_dir: Path
):
    ended = tam(*arguments, **{"TAM_DATA_DIR": str(data_dir / "data"), **environ})

    line = one_line(ended)
    assert says in line
    assert "u:secret" not in line
    assert ended.returncode == code


def test_what_the_database_refuses_is_said(pg_url: str, data_dir: Path):
    ended = tam("migrate", TAM_DATABASE_URL=re.sub(r"/[^/?]+(\?|$)", r"/no_such_database\1", pg_url, count=1))

    assert 'PostgreSQL refuses the connection: database "no_such_database" does not exist' in one_line(ended)
    assert ended.returncode == 1


def test_a_bus_that_is_not_there_is_said(pg_url: str):
    with fresh(pg_url) as url:
        environ = {"TAM_DATABASE_URL": url, "TAM_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}"}
        ended = tam("serve", TAM_PORT=str(free_port()), **environ)

    assert "Kafka" in one_line(ended)
    assert ended.returncode == 1


def test_a_schema_that_is_behind_is_said_where_it_is_not_ours_to_mend(pg_url: str):
    with fresh(pg_url) as url:
        environ = {"TAM_DATABASE_URL": url, "TAM_AUTO_MIGRATE": "false"}
        refused = tam("keys", "list", **environ)
        migrated = tam("migrate", **environ)
        allowed = tam("keys", "list", **environ)

    assert "run `tam migrate` first" in one_line(refused)
    assert (migrated.returncode, allowed.returncode) == (0, 0), migrated.stderr + allowed.stderr


@pytest.mark.parametrize("command", [("serve",), ("demo", "--exit")])
def test_a_port_in_use_is_said_before_anything_starts(command: tuple[str, ...], data_dir: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = tam(*command, TAM_PORT=str(port), TAM_DATA_DIR=str(data_dir / "data"))

    assert f"127.0.0.1:{port} is in use; set TAM_PORT" in one_line(ended)
    assert ended.returncode == 1
    assert not (data_dir / "data" / "pg").exists()


def test_embedded_from_the_first_start_to_a_kill(data_dir: Path, logs: Path):
    """Keys once; the folder is one instance's; a kill leaves nothing to clean up by hand."""
    environ = {"TAM_DATA_DIR": str(data_dir / "data")}
    log = logs / "embedded.log"
    with serving(log, was_killed=True, **environ) as process:
        said = log.read_text()
        write, secret = (re.search(rf"(tam_{kind}_\S+)", said)[1] for kind in ("wk", "sk"))  # type: ignore[index]
        shop = Shop(process.base_url, write, secret, environ)
        assert shop.post("/v1/track", {"userId": "u", "event": "Hello"}).status_code == 200
        shop.settled()
        assert len(shop.touchpoints("user_id:u")) == 1
        # A second instance on the same folder, and commands that share the running one's database.
        refused = tam("serve", TAM_PORT=str(free_port()), **environ)
        assert "is in use by another Tâm" in one_line(refused)
        listed = tam("keys", "list", **environ)
        assert listed.stdout.count("tam_") == 0
        assert "first shop" in listed.stdout
    again = tam("keys", "list", **environ)
    assert again.returncode == 0, again.stderr
    assert "first shop" in again.stdout
    with serving(log, **environ) as restarted:
        assert Shop(restarted.base_url, write, secret, environ).touchpoints("user_id:u")
    assert log.read_text().count("Keys of this new instance") == 1


def test_a_key_lives_and_ends(one_box: Shop):
    made = tam("keys", "create", "short-lived", "--scope", "metrics:read", **one_box.environ)
    key = made.stdout.strip()
    assert one_box.get("/v1/metrics/summary", key=key).status_code == 200
    assert one_box.get("/v1/customers/user_id:x", key=key).status_code == 403
    listed = tam("keys", "list", **one_box.environ).stdout
    (line,) = (line for line in listed.splitlines() if "short-lived" in line)

    assert key not in listed
    assert tam("keys", "revoke", line.split()[0], **one_box.environ).returncode == 0
    unknown = tam("keys", "revoke", "no-such-key", **one_box.environ)
    assert "There is no key 'no-such-key'" in one_line(unknown)


def test_topics_and_settings_are_listed_on_stdout(one_box: Shop):
    topics, settings = tam("topics"), tam("settings", TAM_PORT="1234", **one_box.environ)

    assert "orders" in topics.stdout
    assert "for ever" in topics.stdout
    assert re.search(r"^TAM_PORT +1234 ", settings.stdout, re.M)
    assert re.search(r"^TAM_HTTP_MAX_BODY_BYTES ", settings.stdout, re.M)
    assert one_box.environ["TAM_DATABASE_URL"] not in settings.stdout
    assert tam("topics", "--create", **one_box.environ).returncode == 0


def test_what_people_asked_of_their_data_is_listed_with_its_deadlines(one_box: Shop):
    one_box.asked("POST", "/v1/customers", {"user_id": "cli-rights"})
    case = one_box.asked("POST", "/v1/customers/user_id:cli-rights/rights", {"kind": "access"})

    listed, late, shown, unsigned = (
        tam("rights", *words, **one_box.environ)
        for words in (("list", "--open"), ("list", "--overdue"), ("show", case["id"]), ("receipt", case["id"]))
    )

    assert case["id"] in listed.stdout
    assert (late.returncode, late.stdout) == (0, "")
    assert json.loads(shown.stdout)["due_at"] == case["due_at"]
    assert "There is no receipt" in one_line(unsigned)
    assert "ask counsel" in tam("rights", "deadlines").stdout


def test_the_installed_command_is_the_same():
    installed = shutil.which("tam", path=str(Path(sys.executable).parent))
    assert installed is not None, "tam is not installed beside Python"

    ended = subprocess.run([installed, "--help"], env=clean_environ(), capture_output=True, text=True, check=False)

    assert ended.stdout == tam("--help").stdout
