"""The rules of predicted value: a fitted base, its trial, and what it is worth."""
