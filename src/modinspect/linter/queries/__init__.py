"""Questions about reports that several rules ask."""
