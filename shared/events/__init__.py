"""What travels: the envelope, the topics, and the catalogue of every event there is."""
