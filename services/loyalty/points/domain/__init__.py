"""The rules of the ledger: pure. A `Book` holds what was read, posts to it, and says what is to be written."""
