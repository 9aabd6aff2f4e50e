"""``python -m modinspect``."""

import sys

from modinspect.cli import main

if __name__ == "__main__":
    sys.exit(main())
