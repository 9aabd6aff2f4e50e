"""Made-up text for all that reads text from outside."""
