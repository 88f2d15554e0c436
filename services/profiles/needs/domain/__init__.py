"""Pure rules: what a preference may be, how strong an interest is, and what to do next."""
