"""Guesses inputs from what a transformers model documents about itself: its configuration and its docstrings."""
