"""What loyalty does about the rights of people: it says what it keeps, and forgets all words; the books stay sound."""
