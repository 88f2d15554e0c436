"""Rules of mail; pure."""
