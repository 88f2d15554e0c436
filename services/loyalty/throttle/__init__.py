"""The throttle of failed codes: so many failures per customer, address and key, shared by all processes.

Only failures cost anything. Who has used up theirs is told to come back later, and nothing is looked up for them: with
a million live codes of 60 bits, an address that never stops guessing finds one in two million years.

Behind proxies every visitor comes from theirs: say how many in TAM_HTTP_PROXIES, so that the visitor's is read.
"""
