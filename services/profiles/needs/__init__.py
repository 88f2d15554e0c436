"""What customers need: what they say they want, what they were seen to look for, and what to do about it next.

Preferences are words under raw person keys, kept for ever; the latest holds. Interests are counts of touchpoints per
local day under raw person keys: weights and decay are applied when somebody reads, so they are the same in whatever
order touchpoints come, and a merge or an unmerge moves nothing.

The next best action is a list of rules on facts that profiles has (`domain/rules.py`). Of churn risk, tiers and
complaints nobody tells profiles yet, so there is no rule on them: one is added to the list, with its fact, when it is.
"""
