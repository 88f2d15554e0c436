"""Pure rules of personas: their words, languages, versions, and what must not be in them."""
