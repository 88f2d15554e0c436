"""Believable shop traffic over the public API, and a check of what became of it.

    profiles.py  what kinds of shop there are        people.py, goods.py  who buys what
    acts.py      one thing a customer does           visits.py, pace.py, plan.py  who does what when
    firm.py      what a firm sets up before          journal.py  what was sent and what was answered, on disk
    wire.py      requests with retries               drive.py    sends a plan on time
    book.py      what must come of it                look.py     what the platform says
    judge.py     the differences                     wave.py     who is asked by a survey, and who answers
    watch.py     how it went while it ran            report.py, plot.py  a page about it

Invariants
* The same seed is the same traffic, act for act, whatever the platform answers.
* An act is due at its time whether or not those before it are answered, and is timed from when it was due.
* What is expected is worked out here alone, from what was sent and acknowledged: no code of a service is used.
"""
