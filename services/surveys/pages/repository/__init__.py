"""All SQL of pages: clicks, what was made of them, and policies."""
