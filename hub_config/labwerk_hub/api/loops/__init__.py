"""What the service does by itself, again and again: one module a loop."""
