"""Models of buying and of leaving: how they are fitted, and what they expect. Pure arithmetic on arrays.

Time is in days throughout. A history is how many days somebody bought on again (`repeats`), the day of the last of
them and the age, both counted from the first purchase. Formulas are those of the papers named in each module.
"""
