"""Who is whom: the evidence (links), what people decided, the forest that follows from both, and its log.

The forest is a function of the evidence and the decisions alone, so the order of events is nothing. All of it changes
under one lock (`shared.identity.mapping.claim`), which also gives each key's versions their order.
"""
