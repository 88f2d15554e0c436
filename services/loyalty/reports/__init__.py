"""Reports: what points are outstanding, how many will never be spent, and the revenue that waits for them."""
