"""The rules of vouchers, pure: baskets, benefits, conditions, stacking, codes, validity. No clock, no SQL, no await."""
