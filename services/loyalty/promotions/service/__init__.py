"""Promotions: the firm's rules and what stands at a moment (`steering`), and what budgets have left (`rooms`)."""

from services.loyalty.promotions.service.steering import Board, Promotions

__all__ = ["Board", "Promotions"]
