"""Wire models of surveys."""
