"""What can be reached, and how far somebody is: no SQL, no clock."""
