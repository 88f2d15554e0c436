"""The journal of erasures writes itself, and a line that was cut off is nobody's."""

import stat
from pathlib import Path

import pytest
from backup_world import erased, identify, send

from services.cli.erasures import written
from services.profiles.rights.jobs import note
from services.profiles.rights.service.journal_file import JournalFile
from services.registry import SERVICES
from shared.config import PlatformSettings
from shared.errors import UserError
from shared.testing.platform import running_platform


async def test_a_worker_notes_erasures_by_itself_each_once(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "erasures"
    monkeypatch.setenv("TAM_PROFILES_ERASURE_JOURNAL", str(path))
    async with running_platform(database_url, SERVICES) as shop:
        profiles = shop.platform.units["profiles"].value
        await send(shop, [identify(0), identify(1)])
        await shop.settled()
        await note(profiles)
        assert list(JournalFile(path).entries()) == []
        case = await erased(shop, 1)

        await note(profiles)
        await note(profiles)
        by_command = await written(PlatformSettings(database_url=database_url), database_url, path)

    assert [str(entry.case.id) for entry in JournalFile(path).entries()] == [case]
    assert by_command == 0, "the command and the worker write the same journal"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "khach" not in path.read_text()


async def test_a_line_that_was_cut_off_is_written_again_whole(database_url: str, tmp_path: Path):
    path, settings = tmp_path / "erasures", PlatformSettings(database_url=database_url)
    async with running_platform(database_url, SERVICES) as shop:
        await send(shop, [identify(0), identify(1)])
        await shop.settled()
        cases = [await erased(shop, person) for person in (0, 1)]
    assert await written(settings, database_url, path) == 2
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])

    assert [str(entry.case.id) for entry in JournalFile(path).entries()] == cases[:1]
    assert await written(settings, database_url, path) == 1
    assert path.read_bytes() == whole


@pytest.mark.parametrize("content", [b"order_id,total\n1,2\n", b'{"case": {}, "marks": []}\n', b"\xff\xfe\n"])
def test_what_is_no_journal_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "j").write_bytes(content)

    with pytest.raises(UserError, match="line 1 is no entry of a journal of erasures"):
        list(JournalFile(tmp_path / "j").entries())


def test_a_journal_that_cannot_be_written_says_so(tmp_path: Path):
    with pytest.raises(UserError, match="cannot be written"):
        JournalFile(tmp_path / "none" / "j").add([])
