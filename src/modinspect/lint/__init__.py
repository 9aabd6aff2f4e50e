"""Model bugs that only a run can find."""
