"""Child processes: code that may crash, hang or end its process runs in one, and somebody is left to say so.

:func:`run_limited` runs a block of this process in a child, :func:`run_all` many tasks in a pool of workers. Nothing here knows
what is run; how a child ended comes back as an :class:`Ended`.
"""

from __future__ import annotations

from modinspect.process.child import Ended, usable_cores
from modinspect.process.limits import exits_reported, run_limited
from modinspect.process.pool import Tell, run_all

__all__ = ["Ended", "Tell", "exits_reported", "run_all", "run_limited", "usable_cores"]
