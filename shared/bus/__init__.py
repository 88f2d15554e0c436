"""Moves records: one port (`base`), two drivers (`postgres`, `kafka`), one contract suite."""
