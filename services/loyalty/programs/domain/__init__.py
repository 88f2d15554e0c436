"""The rules of the programme: days and their ends, expiry, pending, and the terms that hold them."""
