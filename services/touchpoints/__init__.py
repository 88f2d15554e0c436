"""What happened to the customer: the ingest door, the recorder, clean facts.

Owns       the schema `touchpoints` (touchpoints, quarantine) and the topics ingest, ingest_rejected, touchpoints,
           orders, subscriptions
URLs       /v1/{batch,track,identify,page,screen,group,alias,import,events}, the one-letter paths, /beacon, /pixel,
           what SDKs ask at their start; /v1/customers/{customer}/touchpoints; /v1/touchpoints/quarantine
Publishes  TouchpointReceived, TouchpointRejected (raw, days) · TouchpointRecorded, Order…, Subscription… (facts)
Consumes   its own raw topics · CustomerMerged, CustomerUnmerged

Invariants
* What was answered 200 is on the log; what was refused is there too, for the quarantine.
* An event counts once per (source, messageId), for nine days.
* Order and subscription facts have ids derived from their event: a replay announces the same facts.
* No personal data leaves the raw topics: not into a table of ours, nor into a fact. (The quarantine keeps what was
  refused as it was sent, for 30 days, for who has `ops:read`.)
"""
