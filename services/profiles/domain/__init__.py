"""Pure rules: what a touchpoint says of a customer, and what makes two keys one person."""
