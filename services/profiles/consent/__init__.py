"""What a customer allows: for which purpose, over which channel, how often, and until when.

Nothing is allowed until somebody said so. Each word stands for ever under the raw person key it was said under; of a
person the latest word over all keys holds, and of two at one moment the withdrawal. `check` is for the moment of
sending: it reads the words themselves, so no copy of anything can be behind.
"""
