"""Records what runs during one forward."""
