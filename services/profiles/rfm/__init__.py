"""RFM: how recently, how often and for how much somebody bought, as scores from 1 to 5 on a scale of the firm.

A scale is four breaks for each score: fixed by people, or the quintiles of everybody who ordered, which are taken anew
once a day. Between two takings it stands still, so that a score changes by facts and by the passing of time alone, and
rules on scores are rules on orders (`segments/domain/expansion.py`).
"""
