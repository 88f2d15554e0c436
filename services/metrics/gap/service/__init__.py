"""Use cases of the delivery gap: take in waves and promises, and set them beside what customers say."""
