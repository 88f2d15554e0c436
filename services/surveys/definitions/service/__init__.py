"""Use cases of surveys: what is asked, and how staff makes it."""
