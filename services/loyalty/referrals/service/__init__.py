"""Use cases of referrals: programmes and codes (programs), friends who come (coming), what they earn (settling)."""
