"""Pure rules: what a call means, when it happened, which money fact it states, what may be kept of it."""
