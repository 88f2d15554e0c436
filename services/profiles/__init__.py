"""Who the customer is.

Owns        customers, identifiers, traits, the evidence and decisions on who is whom, the merge log,
            what customers did (events counted per day, orders), segments and who is in which,
            what they said on consent, with its proof (never changed).
            Personal data lives here and nowhere else.
Consumes    TouchpointReceived (as sent, short-lived), TouchpointRecorded, OrderPlaced, -Changed, -Refunded, -Cancelled
Publishes   CustomerCreated, TraitsChanged (names only), CustomerMerged, CustomerUnmerged,
            SegmentEntered, SegmentLeft, ConsentChanged
URLs        /v1/customers…, /v1/segments…, /v1/consent…

Invariants
* Everything is stored under the raw person key it was said of; a person is the union over the keys of one root.
* A trait is the latest word by (event time, event id), whenever it came, and knows who said it.
* A visitor is the first user it was seen with, by event time; others are kept as refused evidence (shared device).
* The forest is a function of the evidence and of people's decisions: order and repetition are nothing.
* Who is in a segment is a function of facts, mapping, rule and time, true when a transaction that touches one commits.
* Nothing is allowed until somebody said so: the latest word decides, and of two at one moment the withdrawal.
* No value of an identifier or a trait is in an event, a log line, a refusal or a URL of ours.

Rooms       domain/ what a touchpoint says · people/ reading persons · identity/ who is whom, and why ·
            activity/ what customers did · segments/ rules and lists · membership/ who is in which segment now ·
            consent/ what customers allow

Not a projection: requests and decisions of people are not on the log, and raw touchpoints leave it after days, so
these tables cannot be rebuilt by a replay. They are the record itself.
"""
