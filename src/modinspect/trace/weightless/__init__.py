"""Runs with parameters that have shapes but no memory."""
