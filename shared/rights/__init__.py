"""The rights of the people whose data we keep: access, restriction and erasure, in every service alike.

A service says in its manifest what it does about them: `Service(rights=Rights(export=…, erase=…))`. The runtime then
hears `RightsAsked` for it, calls what it declared in the consumer's transaction, and answers with `RightsAnswered`.
What every service has (dead letters, stored answers, the outbox) and the raw topics it declares are cleaned for it.

    contract.py     what a service declares: `Rights`, `Subject`, `Erased`
    marks.py        the installation's key: marks of suppressed identifiers, signatures of receipts
    suppression.py  who was erased and must not come back; `RightsAsked` and consumers ask here
    mentions.py     whether a text tells of a person
    answering.py    what becomes of `RightsAsked`
    plumbing.py     dead letters, stored answers, outbox
    tasks.py        what is still to be cleaned, kept until it is
    cleaning.py     raw topics and, where the database is ours alone, its files
"""
