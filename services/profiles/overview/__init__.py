"""A customer and what is asked for beside: computed traits, segments, consent, wishes; all as of one moment."""
