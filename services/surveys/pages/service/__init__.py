"""Use cases of pages."""
