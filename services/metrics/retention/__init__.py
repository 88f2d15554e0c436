"""Customers without a contract: when silence is leaving, who comes back, who they are by what they did."""
