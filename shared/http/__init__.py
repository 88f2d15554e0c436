"""The HTTP edge: problems, keys and scopes, limits, paging, idempotency, and the application that holds the routers."""
