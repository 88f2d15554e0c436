"""People decide on who is whom: what a merge would do, and taking keys out of a person into one of their own.

Both stand on `identity/`: a preview grows the same forest without writing it, a split is a set of decisions in it.
"""
