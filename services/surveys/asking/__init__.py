"""Asking: whom a survey asks, when, and why somebody was not asked.

A candidate is somebody whom a fact, a schedule or the staff proposes to ask. When it is due it is decided, under the
lock of the whole person, by the policy that holds then; what was decided stays in the same row, with its reason. An
invitation is a candidate that was asked; a reminder is a candidate of its own.

Invariants
* A candidate has one decision, made once; those asked and those passed over, by reason, sum to all.
* In every rolling window of every rule of the contact budget a person has no more contacts than it allows, over all
  the keys they have when it is decided, whoever decides at the same time.
* Nobody is asked late: what was not decided by `stale_at` has expired.
* Whether somebody is in the sample depends on the survey, the wave and the person alone.
"""
