"""Cases: somebody is unhappy, somebody answers for it, and what came of it is known.

An answer that the firm's policy calls unhappy opens a case in the very transaction that stores the answer. A case has
an owner, a priority and two clocks, of first contact and of resolution, that run in business minutes of a calendar.
When they run out, steps of a ladder are taken. It is closed with an outcome, a root cause and what was done; an answer
of the same person after that says whether they were won back.

Invariants
* A response opens at most one case, whatever is sent again, edited or raced; a qualifying one opens exactly one.
* An answer that turns is noted in its case; no case is closed by it.
* What is due when is a function of the calendar, the policy and the history of the case, and of nothing else.
* Each step of the ladder is taken at most once in a case, and none while it is resolved, closed or merged.
* The history of a case only grows. What staff writes stands beside it, and can be forgotten.
* Of an anonymous answer the case knows a day, and nobody.
"""
