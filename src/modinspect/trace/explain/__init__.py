"""Explains a failed call in words."""
