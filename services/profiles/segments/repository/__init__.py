"""All SQL of segments: rules compiled to expressions, definitions, lists, and looking at members."""
