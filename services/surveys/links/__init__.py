"""What stands in a link that somebody was sent: which invitation, and which score one click means; signed.

No name, no address, no person key, no expiry: an invitation's end stands in its row, where it can be changed.
"""
