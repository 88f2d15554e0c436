"""What people ask of their data: access, rectification, restriction, objection, erasure, and to be let in again.

A request is a case with a deadline. Profiles does its own part at once and asks every other service over the topic
`rights`; their answers are the progress of the case. An erasure ends with a receipt that is signed.

Not covered: what left the platform before (exports, mails), backups, and a PostgreSQL server that is not ours.
"""
