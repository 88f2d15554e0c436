"""Earning: rules that turn facts into points."""
