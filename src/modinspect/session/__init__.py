"""Runs a target: builds it, chooses its inputs, and falls back from the weightless run to the real one."""
