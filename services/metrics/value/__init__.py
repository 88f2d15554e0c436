"""Predicted lifetime value: who will buy again, how often, and what that is worth.

Models are fitted to the sums that the ledger keeps (`histories`, `spends`), so neither a fit nor a total looks at each
customer. Which model is used is decided by a back-test on the firm's own past, against a table of what people like
these did before: a model that does not beat it is withheld, and the answer says so. What is fitted depends on when it
was, so fits are kept beside the projection, each with the day it speaks of; figures are computed when they are read.
"""
