"""MI102."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.queries import unregistered_modules, where
from modinspect.linter.rule import PendingFinding, Rule, Runs
from modinspect.report import ModuleInfo, Unregistered


class UnregisteredModule(Rule):
    """A module ran that is kept in a plain list, a dict or a closure, and so is no submodule.

    ## What it does
    Reports a module that ran during the forward, has parameters or buffers of its own, and is not in `model.modules()`:
    it is held by a list, a tuple, a dict, an object that is no module, a global or a closure.

    ## Why it is bad
    `nn.Module` registers what is assigned to an attribute directly. What is inside a plain container is in no
    `model.parameters()`, so no optimizer trains it; in no `state_dict()`, so it is lost with the process; and neither
    `.to()` nor `.eval()` reaches it. The forward runs all the same, and the loss may even go down a little.

    ## Example
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = [nn.Linear(8, 8), nn.Linear(8, 4)]

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            return x
    ```

    ## Use instead
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(8, 8), nn.Linear(8, 4)])

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            return x
    ```

    ## How it is found
    A hook sees each module that runs. One that `named_modules()` does not list, and with a tensor of its own that an op
    used, is reported where it was called. Modules without tensors (activations in a dict), and those that only wrap
    registered ones, are not. A module with parameters of which none is trainable is reported as an info: a frozen
    teacher is often hidden so on purpose.

    ## When to ignore it
    When the module is meant to stay out of the optimizer and of the checkpoint, and you move it and switch its mode by
    hand.

    ## References
    - [Module: parameters are not included if the module is initialized in a list](https://github.com/pytorch/pytorch/issues/715)
    - [nn.Module not importing parameters contained in lists](https://github.com/pytorch/pytorch/issues/666)
    - [Difference between using a python list and nn.ModuleList](https://github.com/pytorch/pytorch/issues/38639)
    - [A final linear layer whose parameters were never registered](https://github.com/EleutherAI/gpt-neox/pull/267)
    """

    id = "MI102"
    name = "unregistered-module"
    severity = "error"

    def check(self, runs: Runs) -> Iterator[PendingFinding]:
        """Modules that ran with tensors of their own and that somebody holds, but not as a submodule."""
        for entry, info in unregistered_modules(runs):
            message = _message(entry, info, where(runs.report, entry.module))
            yield PendingFinding(message, entry.name, entry.source, severity="info" if _is_frozen(info) else None)


def _is_frozen(info: ModuleInfo) -> bool:
    return info.params > 0 and info.trainable_params == 0


def _message(entry: Unregistered, info: ModuleInfo, user: str) -> str:
    begins = f"{entry.name} ({entry.class_name}) runs in {user} and is no submodule of it"
    if _is_frozen(info):
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
