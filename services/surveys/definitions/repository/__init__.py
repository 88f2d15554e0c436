"""All SQL of surveys, their versions, the places their quotas have, and the question bank."""
