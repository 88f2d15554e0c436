"""What customers did: events counted per day, and orders; kept under the raw person key, read per person."""
