"""What mutation testing leaves over."""
