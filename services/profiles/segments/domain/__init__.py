"""The rule language: what a rule is, and how its JSON is read."""
