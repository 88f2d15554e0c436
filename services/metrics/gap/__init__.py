"""The delivery gap: what staff believes, what customers say, and what was promised against what was delivered.

Mirror waves are facts under their wave and answer, promises under their order or case: late, repeated and reordered
facts end in the same rows. Neither has a person, so that merges move nothing. Promises are read from touchpoints, which
the log keeps for 90 days only: they are no projection that a replay rebuilds, and no replay empties them.
"""
