"""Checkout: validate, reserve, commit, void, roll back."""
