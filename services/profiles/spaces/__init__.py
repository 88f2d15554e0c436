"""Customers in the grammar of Segment's Profile API, read only, for clients that speak it already.

The profile's events are with touchpoints, under the same address.
"""
