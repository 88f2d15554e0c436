"""What goes over the wire: JSON for programs, a page for staff."""
