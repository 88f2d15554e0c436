"""Finding people: by the beginning of an identifier or of a name however it is spelt, and by what is said of them."""
