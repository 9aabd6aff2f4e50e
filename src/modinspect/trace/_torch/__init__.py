"""The one room that touches private parts of torch."""
