"""`tam backup` and `tam restore` as an operator types them: sentences, and exit codes that a script can go by."""

from pathlib import Path

from e2e_world import tam


def test_an_operator_backs_up_and_restores(database_url: str, empty_database_url: str, tmp_path: Path):
    folder, here, there = tmp_path / "a", {"TAM_DATABASE_URL": database_url}, {"TAM_DATABASE_URL": empty_database_url}

    made = tam("backup", str(folder), **here)
    assert made.returncode == 0, made.stderr
    assert "rows of" in made.stderr
    assert "to be kept apart" in made.stderr
    assert tam("backup", str(folder), **here).returncode == 6, "a folder of its own"

    whole = tam("restore", str(folder), "--check", **there)
    assert (whole.returncode, "is whole" in whole.stderr) == (0, True)
    unsaid = tam("restore", str(folder), **there)
    assert unsaid.returncode == 2
    assert "--erasures FILE" in unsaid.stderr
    done = tam("restore", str(folder), "--no-erasures", **there)
    assert (done.returncode, "Restored and compared" in done.stderr) == (0, True), done.stderr
    again = tam("restore", str(folder), "--no-erasures", **there)
    assert again.returncode == 6
    assert "[backup.target_not_empty]" in again.stderr

    elsewhere = tam("restore", str(folder), "--no-erasures", TAM_KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1", **there)
    assert elsewhere.returncode == 1, "Kafka does not answer"
    (folder / "metrics.dump").write_bytes(b"PGDMP")
    damaged = tam("restore", str(folder), "--check", **there)
    assert damaged.returncode == 4
    assert "it was cut short" in damaged.stderr
    (folder / "manifest.json").unlink()
    assert tam("restore", str(folder), "--check", **there).returncode == 4

    journal = tmp_path / "erasures"
    noted = tam("rights", "journal", str(journal), **here)
    assert (noted.returncode, journal.read_bytes(), journal.stat().st_mode & 0o777) == (0, b"", 0o600), noted.stderr
    journal.write_text("no journal\n")
    assert "line 1 is no entry" in tam("rights", "again", str(journal), **here).stderr
