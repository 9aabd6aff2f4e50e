"""MI105."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.lint.reading import where
from modinspect.lint.rule import Draft, Rule, Runs
from modinspect.lint.unregistered import loose_modules


class ModuleMadeInForward(Rule):
    """A layer with parameters is built anew in each forward."""

    id = "MI105"
    name = "module-made-in-forward"
    severity = "error"

    def check(self, runs: Runs) -> Iterator[Draft]:
        """Modules with parameters that are not there before the forward."""
        for found in loose_modules(runs):
            entry, info = found.entry, found.info
            if not info.params or (found.held and found.made_at is None):
                continue
            user = where(runs.report, entry.module)
            if found.made_at is not None:
                yield Draft(
                    f"{entry.class_name} is built anew in each forward of {user}: its {info.params:,} parameters start from "
                    "random "
                    "values each time, and nothing trains or saves them. Build it in __init__",
                    entry.name,
                    found.made_at,
                )
            else:
                yield Draft(
                    f"{entry.class_name} is built in the first forward of {user}: an optimizer made before that does not have "
                    "its "
                    f"{info.params:,} parameters, and load_state_dict() has no place for them. Build it in __init__, or use a "
                    "lazy "
                    "module of torch's",
                    entry.name,
                    entry.source,
                    severity="info",
                )
