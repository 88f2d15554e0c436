"""Responses: what was answered, how it changed, what it says.

Invariants
* An invitation has one response, whatever is sent again or killed; the same answers again change nothing.
* An edit keeps what it replaced: the number of stored revisions is the number of changes.
* A response that is withdrawn says nothing any more, and its figures are told so.
* Nothing leads from an anonymous answer to who gave it: it lies sealed in a box until there are five, and only then
  do all of them become responses, in no order, of one day, under ids that nobody was told.
* Text is kept as it was written, and leaves only as text.
"""
