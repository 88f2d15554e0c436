"""All SQL of referrals."""
