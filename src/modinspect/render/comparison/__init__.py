"""Formats of a difference between two reports."""
