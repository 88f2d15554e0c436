"""`tam vouchers` and `tam import vouchers`, as a person at a terminal sees them."""

import asyncio
import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import orjson
import pytest
from typer.testing import CliRunner, Result

from services.cli.commands import app
from services.cli.common import read_settings
from services.cli.vouchers import desk
from services.loyalty.vouchers.domain import codes as rules
from services.loyalty.vouchers.schemas.campaigns import CampaignIn, StateIn
from services.loyalty.vouchers.schemas.codes import JobIn
from shared.testing.postgres import fresh_database

Tam = Callable[..., Result]


@pytest.fixture(scope="module")
def tam(pg_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tam]:
    """The command on a database of its own, with a campaign of discounts and one of gift cards."""
    loop = asyncio.Runner()
    opened = fresh_database(pg_url)
    url = loop.run(opened.__aenter__())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TAM_DATABASE_URL", url)
        patch.setenv("TAM_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        loop.run(_campaigns())
        yield lambda *arguments: CliRunner().invoke(app, [str(each) for each in arguments])
    loop.run(opened.__aexit__(None, None, None))
    loop.close()


async def _campaigns() -> None:
    async with desk(read_settings()) as at:
        for name, benefit in (("Tết", {"type": "percentage", "percent": 10}), ("Thẻ quà", {"type": "stored_value"})):
            body = {"name": name, "currency": "VND", "terms": {"benefit": benefit}, "coding": {"prefix": "TET26"}}
            made = await at.campaigns.create(CampaignIn.model_validate(body), by="test", idem=None)
            await at.campaigns.set_state(UUID(orjson.loads(made.body)["id"]), StateIn(state="active"), idem=None)


def lines(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_codes_are_written_once_to_a_file_for_its_owner_alone(tam: Tam, tmp_path: Path):
    file = tmp_path / "codes.csv"

    done = tam("vouchers", "generate", "Tết", 25, file)

    assert done.exit_code == 0, done.output
    made = [each["code"] for each in lines(file)]
    assert len(set(made)) == 25
    assert all(rules.is_checked(rules.canonical(each).removeprefix("TET26")) for each in made)
    assert file.stat().st_mode & 0o077 == 0
    assert "25 codes" in done.output
    assert not any(each in done.output for each in made)
    job = done.output.split("Job ")[1].split(".")[0]
    again = tam("vouchers", "download", job, tmp_path / "again.csv")
    assert (again.exit_code, "they are gone" in again.output) == (1, True)
    assert [each.name for each in tmp_path.iterdir()] == ["codes.csv"]


def test_a_job_that_was_interrupted_is_ended_by_download(tam: Tam, tmp_path: Path):
    file = tmp_path / "codes.csv"
    job = asyncio.run(_begun())

    done = tam("vouchers", "download", job, file)

    assert done.exit_code == 0, done.output
    assert len(lines(file)) == 30


async def _begun() -> UUID:
    async with desk(read_settings()) as at:
        campaign = await at.campaigns.named("Tết")
        assert campaign is not None
        return (await at.jobs.begin(campaign.id, JobIn(count=30), by="test")).id


def test_gift_cards_have_their_value_in_major_units(tam: Tam, tmp_path: Path):
    file, states = tmp_path / "cards.csv", tmp_path / "states.csv"

    assert (
        tam("vouchers", "generate", "Thẻ quà", 3, file, "--value", "200000", "--expires-on", "2030-12-31").exit_code
        == 0
    )
    assert tam("vouchers", "export", "Thẻ quà", states).exit_code == 0

    known = {(each["value"], each["currency"], each["expires_at"]) for each in lines(states)}
    assert ("200000", "VND", "2030-12-31 17:00:00+00:00") in known
    assert {rules.canonical(each["code"])[-4:] for each in lines(file)} <= {each["last4"] for each in lines(states)}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("Tét", "5", "new.csv"), 1, "no campaign 'Tét'"),
        (("Thẻ quà", "5", "new.csv"), 1, "what each gift card is worth"),
        (("Thẻ quà", "5", "new.csv", "--value", "1.5"), 1, "not an amount of VND"),
        (("Thẻ quà", "5", "new.csv", "--value", "0"), 1, "worth something"),
        (("Tết", "5", "new.csv", "--value", "5"), 1, "Only gift cards"),
        (("Tết", "5", "new.csv", "--expires-on", "2020-01-01"), 1, "over already"),
        (("Tết", "5", "old.csv"), 2, "there already"),
        (("Tết", "5", "gone/new.csv"), 2, "cannot be written"),
    ],
)
def test_what_cannot_be_made_is_said_in_one_line(
    tam: Tam, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, words: str
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.csv").write_text("mine")

    done = tam("vouchers", "generate", *arguments)

    assert done.exit_code == code, done.output
    assert words in " ".join(done.output.split())
    assert "Traceback" not in done.output
    assert (tmp_path / "old.csv").read_text() == "mine"
    assert not (tmp_path / "new.csv").exists()


def test_codes_of_another_system_are_imported_line_by_line(tam: Tam, tmp_path: Path):
    file = tmp_path / "old.csv"
    file.write_bytes(
        "code;value;expires_on;note\nTHE-001;100000;2030-01-01;a\nthe001;5;;\nx;1;;\nABCDEF;abc;;\nABCDEG;;;\nABCDEH;5\n"
        "ABCDEJ;5;31.12.2030;\n;5;;\nMỪNG-TUỔI;50000;;\n".encode("utf-8-sig")
    )

    dry = tam("import", "vouchers", file, "--campaign", "Thẻ quà", "--dry-run")
    done = tam("import", "vouchers", file, "--campaign", "Thẻ quà")
    again = tam("import", "vouchers", file, "--campaign", "Thẻ quà")

    said = [line.split(": ", 1) for line in done.output.splitlines() if str(file) + ":" in line]
    assert (dry.exit_code, done.exit_code, again.exit_code) == (3, 3, 3)
    assert "nothing was imported" in dry.output
    assert sorted((int(where.rsplit(":", 1)[1]), why) for where, why in said) == [
        (3, "another row of the file has this code"),
        (4, "the code is too short, too long, or cannot be typed"),
        (5, "value is no amount of the campaign's currency"),
        (6, "a gift card needs its value"),
        (7, "it has more or fewer fields than the header"),
        (8, "expires_on is no date such as 2026-12-31"),
        (9, "it has no code"),
    ]
    assert "2 codes" in done.output
    assert again.output.count("there is a voucher with this code already") == 2
    assert "THE-001" not in done.output + again.output


def test_a_file_of_another_program_is_read_as_over_http(tam: Tam, tmp_path: Path):
    """Its own names of columns, how often a code was used, and what is off; a file without codes is refused whole."""
    file, other = tmp_path / "theirs.csv", tmp_path / "other.csv"
    file.write_text(
        "Voucher Code|Redemption Limit|Redeemed Quantity|Active\nOLD-0001|5|2|true\nOLD-0002|5|5|true\n"
        "OLD-0003|5|0|false\nOLD-0004|x|0|true\n"
    )
    other.write_text("name;value\na;1\n")

    done = tam("import", "vouchers", file, "--campaign", "Tết")
    wrong = tam("import", "vouchers", other, "--campaign", "Tết")

    said = [line.rsplit(":", 2)[1:] for line in done.output.splitlines() if str(file) + ":" in line]
    assert (done.exit_code, wrong.exit_code) == (3, 1)
    assert [(line, why.strip()) for line, why in said] == [
        ("3", "it has been used as often as it may"),
        ("4", "it is not active"),
        ("5", "max_uses or used is not a whole number"),
    ]
    assert ("1 codes of" in done.output, "no column that says code" in " ".join(wrong.output.split())) == (True, True)


def test_campaigns_are_listed(tam: Tam):
    done = tam("vouchers", "campaigns")

    assert done.exit_code == 0
    assert "Thẻ quà" in done.output
