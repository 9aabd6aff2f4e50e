"""Saves what a forward may change and restores it afterwards."""
