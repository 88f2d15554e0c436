"""Predicted lifetime value: who will buy again, how often, and what that is worth.

Models are fitted to the sums that the ledger keeps (`histories`, `spends`), so neither a fit nor a total looks at each
customer. Which model is used is decided by a back-test on the firm's own past, against a table of what people like
these did before: a model that does not beat it is withheld, and the answer says so. What is fitted depends on when it
was, so fits are kept beside the projection, each with the day it speaks of; figures are computed when they are read.

The back-test, once a day, also measures what intervals hold: of a sample of customers, whose lives are drawn as they
would be for an answer, and of the total of each round. Intervals of customers that held too little are drawn wider, the
total's are always widened by the worst round; `/v1/metrics/models` has both, calibration and weekly tracking. Between
back-tests only the model that is served is fitted anew. As of a past day, and of a segment, people are read one by one.
"""
