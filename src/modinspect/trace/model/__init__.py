"""What a model registers and holds, looked at without running it."""
