"""modinspect run over every model of the libraries that are installed: ``make zoo``."""
