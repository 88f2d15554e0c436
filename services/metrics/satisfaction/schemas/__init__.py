"""What satisfaction says and hears over HTTP."""
