"""Wire forms of the score card: JSON, and a page to read and print."""
