"""PostgreSQL: transactions, bulk writes, migrations, and the embedded server."""
