"""What facts tell of rows, and of which table they do."""
