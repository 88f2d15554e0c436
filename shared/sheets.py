"""Cells that people open in a spreadsheet: none of them may run."""

import re

# What Excel, Calc or Sheets takes for the beginning of a formula; full-width signs are read as plain ones.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")


def escaped(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unescaped(cell: str) -> str:
    """The cell without the apostrophe that `escaped` gave it."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
