"""In embedded mode the files are ours: after an erasure no file of the data directory holds the person."""

from pathlib import Path
from typing import Any

from rights_world import EMAIL, OTHER_EMAIL, STRINGS, USER, asked, done, everything, other, sent

from services.registry import SERVICES
from shared.testing.platform import running_platform


def found_in_files(folder: Path, strings: tuple[str, ...]) -> dict[str, list[str]]:
    """The files in which one of the strings stands, whatever its case, and which."""
    found: dict[str, list[str]] = {}
    for file in folder.rglob("*"):
        if file.is_file() and not file.is_symlink():
            content = file.read_bytes().lower()
            if told := [each for each in strings if each.lower().encode() in content]:
                found[str(file.relative_to(folder))] = told
    return found


async def test_no_file_holds_an_erased_person(data_dir: Path):
    async with running_platform(None, SERVICES, data_dir=data_dir) as running:
        files = (data_dir / "pg").resolve()
        await sent(running, [*everything(), *other()])
        await running.crm.get(f"/v1/customers/user_id:{USER}")
        connection: Any = running.platform.units["profiles"].db
        async with connection.write() as tx:
            await tx.execute("ANALYZE")
        assert {each for told in found_in_files(files, STRINGS).values() for each in told} >= {EMAIL, USER}

        case = await done(running.crm, (await asked(running.crm, f"user_id:{USER}", "erasure"))["id"], seconds=60)

        assert found_in_files(files, STRINGS) == {}
        assert found_in_files(files, (OTHER_EMAIL,)) != {}, "somebody else is still there"
        assert "the PostgreSQL server's files" not in str(case)
    assert found_in_files(files, STRINGS) == {}
