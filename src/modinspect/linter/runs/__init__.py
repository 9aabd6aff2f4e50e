"""The runs of a live model that the rules ask for: other modes, batch sizes, dtypes and devices."""
