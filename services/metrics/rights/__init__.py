"""What metrics does about the rights of people: figures stay exact, for they need pseudonyms alone."""
