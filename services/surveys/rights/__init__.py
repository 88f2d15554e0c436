"""What surveys does about the rights of people: says what each room keeps of somebody, and forgets all words.

Scores, choices, decisions and cases stay under the pseudonymous key, for the figures that were made of them; whoever
had the use of their data restricted is asked nothing. Anonymous answers are nobody's: nothing here finds them.
"""
