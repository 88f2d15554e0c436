"""Points: the double-entry ledger, lots, holds, expiry, debt."""
