"""The marks in the first column, and their meaning in the legend. Each reads without colour."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark. ``plain`` is its symbol on an ASCII-only console."""

    symbol: str
    plain: str
    style: str
    title: str
    meaning: str
    warns: bool = False

    def text(self, ascii_only: bool) -> str:
        """The symbol for this console."""
        return self.plain if ascii_only else self.symbol


FAILED = Mark("✗", "X", "bold red", "failed", "this call raised")
OPEN = Mark("…", ".", "red", "not finished", "running when the call below it raised")
FOREIGN_TENSOR = Mark(
    "◆", "!", "bold magenta", "unregistered tensor", "no optimizer trains it, no state_dict saves it", warns=True
)
FOREIGN_MODULE = Mark("■", "#", "bold magenta", "unregistered module", "ran, but is not in model.modules()", warns=True)
UNUSED = Mark("∅", "u", "yellow", "unused parameters", "no op of this run used them", warns=True)
NEVER = Mark("○", "o", "yellow", "never ran", "registered, but not called in this run")
TIED = Mark("≡", "=", "blue", "tied weights", "one tensor under several names; totals count it once")
REUSED = Mark("↺", "@", "blue", "reused", "called several times; the number is the call; (parameters) were counted above")
WRITES = Mark("←", "<", "blue", "in place", "writes to one of its operands")
READS = Mark("→", ">", "blue", "read", "a tensor's value reaches Python")
FROZEN = Mark("*", "*", "blue", "frozen", "requires_grad=False")
PARTLY = Mark("~", "~", "blue", "partly frozen", "requires_grad=False for some parameters")

MARKS = (FAILED, OPEN, FOREIGN_TENSOR, FOREIGN_MODULE, UNUSED, NEVER, TIED, REUSED, WRITES, READS, FROZEN, PARTLY)
"""All marks, in the order of the legend."""
