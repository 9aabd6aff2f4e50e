"""MI102."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.lint.reading import where
from modinspect.lint.rule import Draft, Rule, Runs
from modinspect.lint.unregistered import LooseModule, loose_modules
from modinspect.report import Unregistered


class UnregisteredModule(Rule):
    """A module ran that is kept in a plain list, a dict or a closure, and so is no submodule."""

    id = "MI102"
    name = "unregistered-module"
    severity = "error"

    def check(self, runs: Runs) -> Iterator[Draft]:
        """Modules that ran with tensors of their own and that somebody holds, but not as a submodule."""
        for found in loose_modules(runs):
            if found.held and found.made_at is None:
                entry = found.entry
                message = _message(found, where(runs.report, entry.module))
                yield Draft(message, entry.name, entry.source, severity="info" if found.frozen else None)


def _message(found: LooseModule, user: str) -> str:
    entry, info = found.entry, found.info
    begins = f"{entry.name} ({entry.class_name}) runs in {user} and is no submodule of it"
    if found.frozen:
        return f"{begins}: .to() and state_dict() pass its {info.params:,} frozen parameters over. {_way_out(entry)}"
    if not info.params:
        return f"{begins}: .to() and state_dict() pass its buffers over. {_way_out(entry)}"
    return (
        f"{begins}: its {info.params:,} parameters are in no optimizer and in no state_dict, and .to() leaves them behind. "
        f"{_way_out(entry)}"
    )


def _way_out(entry: Unregistered) -> str:
    if entry.role == "attribute" and entry.name.endswith("']"):
        return "Keep it in an nn.ModuleDict"
    if entry.role == "attribute" and entry.name.endswith("]"):
        return "Keep it in an nn.ModuleList"
    return "Make it an attribute of the module that uses it"
