"""Who the customer is.

Owns        customers, identifiers, traits, the evidence and decisions on who is whom, the merge log,
            what customers did (events counted per day, orders), what other services tell of them (points, tiers, the
            last NPS, open complaints), of segments how content they are,
            the scale of their scores, segments and who is in which,
            what they said on consent, with its proof (never changed),
            what they say they want (words, never changed) and look for (touchpoints counted per interest and day),
            personas: who the people of a segment are, in words (each version never changed; they name nobody).
            Personal data lives here and nowhere else.
Consumes    TouchpointReceived (as sent, short-lived), TouchpointRecorded, OrderPlaced, -Changed, -Refunded, -Cancelled,
            TierChanged, -Kept, -Near, PointsEarned, -Spent, -Expired, -Reversed, -Moved, -Expiring;
            SurveyAnswered, CaseOpened, -Changed, -Closed; ChurnRiskChanged, ClvBandChanged,
            SatisfactionTold, SegmentOutlookTold
Publishes   CustomerCreated, TraitsChanged (names only), CustomerMerged, CustomerUnmerged,
            SegmentEntered, SegmentLeft, ConsentChanged, PersonaChanged,
            RightsAsked (short-lived; of it the answers come back)
URLs        /v1/customers…, /v1/identifier-types…, /v1/trait-schema…, /v1/spaces… (Segment's Profile API),
            /v1/segments…, /v1/personas…, /v1/consent…, /v1/rfm-scale, /v1/rights…, /v1/customers/{c}/rights

Invariants
* Everything is stored under the raw person key it was said of; a person is the union over the keys of one root.
* A trait is the latest word by (event time, event id), whenever it came, and knows who said it.
* A word that does not fit the declared type is no value and never lost; between a person's keys the merge policy of
  the trait decides, when it is read.
* A visitor is the first user it was seen with, by priority of the evidence and event time; others are kept as
  refused evidence (shared device).
* A key goes by the identifiers seen first, and events join the keys linked first, up to limits; more is kept as
  refused evidence.
* The forest is a function of the evidence and of people's decisions: order and repetition are nothing.
* Who is in a segment is a function of facts, mapping, rule and time, true when a transaction that touches one commits.
* Nothing is allowed until somebody said so: the latest word decides, and of two at one moment the withdrawal.
* No value of an identifier or a trait is in an event, a log line, a refusal or a URL of ours (but for the short-lived
  `RightsAsked`, whose records are overwritten when an erasure is done).
* Who was erased is in no table, no raw topic and, where the files are ours, no file; and comes back by request alone.

Rooms       domain/ what a touchpoint says · people/ reading persons · identity/ who is whom, and why ·
            identifier_types/ what identifiers are declared as, which of them name one alone or join people ·
            trait_schema/ what traits are declared as, what does not fit, which word of several holds ·
            merging/ looking before a merge, splitting · search/ finding people · spaces/ Segment's Profile API ·
            activity/ what customers did · segments/ rules and lists · membership/ who is in which segment now ·
            consent/ what customers allow ·
            rights/ what they ask of their data: access, erasure, … · rfm/ the scale of scores ·
            told/ points, tiers, answers, cases, churn risk, CLV, as loyalty, surveys and metrics tell them ·
            needs/ what they want and look for, and what to do next · writing/ how what is said of them is written ·
            personas/ who a group is, with its live size, how content it is, how many leave, what they will bring

Not a projection: requests and decisions of people are not on the log, and raw touchpoints leave it after days, so
these tables cannot be rebuilt by a replay. They are the record itself.
"""
