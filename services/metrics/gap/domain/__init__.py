"""The arithmetic of gaps and promises. Pure."""
