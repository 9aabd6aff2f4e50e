"""Turns a recording into a report."""
