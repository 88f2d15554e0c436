"""Flash sales: few units, many people, one moment.

A claim asks for units of an item under a key of the client's. Claims that come while one statement is at work are
collected and decided together by the next, in the order they came, under the lock of the item's row; no lock ever
waits for a client. Where nothing is left that is remembered for a fifth of a second, and said without asking again.

Invariants
* The units of claims that are held or confirmed are what the item says is taken, and never more than it has.
* One key of an item has at most one claim, whatever is sent again, killed or cut off.
* A person, whatever keys they have, gets no more than the limits of the item and of the sale; a merge resets nothing.
* A claim that is held ends once: confirmed, released or expired. Its units then stay, or are back.
* A lottery is drawn once, with the seed whose hash was told before; what winners may claim of an item is not taken.
* Who waits has one number, and claims neither before its time nor, but for what they claimed in it, after.
* A sale opens and ends by the clock of the database, the same for all processes, never by a client's.
"""
