"""Who is in which segment now: looked at again whenever a fact, a merge or the passing of time may have changed it."""
