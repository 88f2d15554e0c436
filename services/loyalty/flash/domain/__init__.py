"""What flash sales and claims are, and when local times are."""
