"""What was believed at a moment: the figures by what had been learnt by then, read from the log again.

Owns       nothing: what was read is kept among the counts that cost time, as long as somebody asks for it.
Publishes  nothing.
Consumes   nothing; on demand the whole log again, beside the live projection, in a schema that goes in the end.

Invariants
* What is answered is what a service would have said that had heard no more by that moment. Until it has been read
  nothing is answered, and where it cannot be read that is said.
"""
