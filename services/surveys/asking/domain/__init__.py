"""Rules of asking, pure: no clock, no SQL."""
