"""Verification: every night what commands have made is rebuilt from what loyalty has told, and compared.

Owns       verifications.
Publishes  nothing.
Consumes   nothing on its own; the facts are read from the beginning, by what `replays` names.
Invariants the live tables are only read, in one snapshot, and never locked · what is rebuilt stands in a schema of its
           own, which goes when the night is done · a run that is interrupted goes on where it was.
"""
