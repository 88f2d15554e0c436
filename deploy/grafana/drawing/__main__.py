"""Writes them all beside this package: `python -m drawing`."""

from pathlib import Path

from drawing import DASHBOARDS
from drawing.panels import drawn

FOLDER = Path(__file__).parents[1] / "dashboards"


def main() -> None:
    """Write every dashboard into a file of its own."""
    FOLDER.mkdir(exist_ok=True)
    for each in DASHBOARDS:
        (FOLDER / f"{each.file}.json").write_text(drawn(each), encoding="utf-8")


if __name__ == "__main__":
    main()
