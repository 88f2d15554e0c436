"""The door: takes events over HTTP in every way the field's SDKs send them, and makes them durable before it answers.

Invariants:
* 200 is answered only after the bus has stored every accepted event, and every refused one for the quarantine.
* One bad event never takes its batch along: the answer carries a verdict per refused event.
* What an SDK would take for delivered (a 3xx) or would keep for ever (410, 501, …) is never answered.
"""
