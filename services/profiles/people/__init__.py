"""Reading customers: who goes by a reference, and everything known of a person."""
