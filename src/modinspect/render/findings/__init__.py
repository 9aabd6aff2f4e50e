"""Formats of a lint report."""
