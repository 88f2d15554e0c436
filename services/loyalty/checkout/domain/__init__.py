"""The rules of checkout, pure: who may end a reservation how, what points pay, what a roll-back takes back."""
