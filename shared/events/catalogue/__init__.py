"""One file per producer; one frozen class per event version. Producers own them, consumers import them."""
