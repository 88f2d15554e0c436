"""Replays: what commands have made, rebuilt from what loyalty has told, and what the comparison found."""
