"""`tam load` as a person starts it: it sends, checks, goes on where it was, and says by its exit code what it found."""

import json
from pathlib import Path

from e2e_world import Shop, tam


def loaded(shop: Shop, journal: Path, *arguments: str) -> tuple[int, str, str]:
    """Run it against a platform that runs; exit code, stdout and stderr."""
    environ = {**shop.environ, "TAM_PORT": shop.base_url.rpartition(":")[2]}
    asked = ("--profile", "sdk", "--rate", "60", "--duration", "2", "--customers", "60", "--journal", str(journal))
    ended = tam("load", *asked, *arguments, **environ)
    return ended.returncode, ended.stdout, ended.stderr


def test_it_says_that_all_is_right_and_later_that_something_is_not(empty_shop: Shop, tmp_path: Path):
    journal = tmp_path / "journal"

    code, out, err = loaded(empty_shop, journal, "--json")
    assert code == 0, err
    report = json.loads(out)
    assert report["verdict"]["is_right"]
    assert report["sent"]["events"] > 50
    assert report["sent"]["answered_ms"]["say"]["p99"] > 0
    assert min(report["watch"]["memory_mb"][empty_shop.base_url]) > 50
    page = journal.with_suffix(".html").read_text()
    assert "All right" in page
    assert page.count("<svg") == 4

    # The same again has nothing left to send, and finds the same.
    code, _, err = loaded(empty_shop, journal)
    assert code == 0, err
    assert "are settled" in err
    assert "all right" in err

    # There was an order less before than we now say: the total is one too few.
    lines = journal.read_text().splitlines()
    head = json.loads(lines[0])
    head["before"]["orders"] += 1
    journal.write_text("\n".join([json.dumps(head), *lines[1:]]) + "\n")
    code, out, err = loaded(empty_shop, journal, "--check-only", "--settle", "1")
    assert code == 3, err
    assert "totals" in out
    assert "1 differences" in err


def test_it_sends_nowhere_else_and_knows_what_it_was_asked(tmp_path: Path):
    elsewhere = tam("load", "--url", "http://shop.example", TAM_DATA_DIR=str(tmp_path))
    unknown = tam("load", "--profile", "bazaar", TAM_DATA_DIR=str(tmp_path))
    nothing = tam("load", "--check-only", TAM_DATA_DIR=str(tmp_path))
    nobody = tam("load", TAM_DATA_DIR=str(tmp_path), TAM_PORT="1")

    assert (elsewhere.returncode, unknown.returncode, nothing.returncode, nobody.returncode) == (2, 2, 2, 1)
    assert "--yes-elsewhere" in elsewhere.stderr
    assert "subscriptions" in unknown.stderr
    assert "no journal" in nothing.stderr
    assert "tam serve" in nobody.stderr
