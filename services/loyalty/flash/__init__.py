"""Flash sales: exact claims on limited units."""
