"""The demo's purchase log: CDNOW, 69,659 real orders of 23,570 customers, 1997-01-01 to 1998-06-30.

It is read out of a published wheel that ships it, fetched with pip and never imported.
"""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from shared.errors import UserError

WHEEL = "lifetimes==0.11.3"
MEMBER = "lifetimes/datasets/CDNOW_master.txt"
LINES = 69_659
FETCH_SECONDS = 120


def cdnow_log(folder: Path) -> Path:
    """The log as a file in `folder`, fetched if it is not there yet (blocking: a few seconds).

    Raises:
        UserError: it cannot be fetched.
    """
    target = folder / "CDNOW_master.txt"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(_fetch(Path(scratch))) as archive:
        text = archive.read(MEMBER)
    if text.count(b"\n") < LINES - 1:
        raise UserError(f"{WHEEL} does not hold the purchase log we know.")
    part = target.with_suffix(".part")
    part.write_bytes(text)
    part.rename(target)
    return target


def _fetch(folder: Path) -> Path:
    command = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), WHEEL)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)
        reason = (done.stderr.strip().splitlines() or ["pip failed"])[-1]
    except subprocess.TimeoutExpired:
        reason = "it took too long"
    wheels = list(folder.glob("*.whl"))
    if not wheels:
        raise UserError(f"The demo's purchase log ({WHEEL}) cannot be fetched: {reason}; give one with --file.")
    return wheels[0]
