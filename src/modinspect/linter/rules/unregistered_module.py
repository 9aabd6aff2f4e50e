"""MI102."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.queries import describe_module, unregistered_modules
from modinspect.linter.rule import PendingFinding, Rule, Runs
from modinspect.report import ModuleInfo, Unregistered


class UnregisteredModule(Rule):
    """A module that ran is not registered, because a plain list, dict or closure holds it.

    ## What it does
    Checks for modules with parameters or buffers that ran in `forward` but are not in `model.modules()`, because a
    list, tuple, dict, global, closure or ordinary object holds them.

    ## Why it is bad
    `nn.Module` only registers modules that are assigned directly to an attribute. The parameters of a module in a plain
    container are missing from `model.parameters()`, so no optimizer trains them, and from `state_dict()`, so they are
    not saved. `.to()`, `.train()` and `.eval()` don't reach the module. The forward still runs, and the loss may even
    go down.

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
    A hook sees every module that runs. A module that `named_modules()` doesn't list is reported where it is called, if
    an op used one of its tensors. Modules without tensors (such as activations in a dict) and wrappers around
    registered modules are not reported. A module whose parameters are all frozen is an info: a frozen teacher is often
    kept out on purpose.

    ## When to ignore it
    If the module must stay out of the optimizer and the checkpoint, and you move it and switch its mode yourself.

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
        """Modules with tensors of their own that ran and are not registered."""
        for entry, info in unregistered_modules(runs):
            message = _message(entry, info, describe_module(runs.report, entry.module))
            yield PendingFinding(message, entry.name, entry.source, severity="info" if _is_frozen(info) else None)


def _is_frozen(info: ModuleInfo) -> bool:
    return info.params > 0 and info.trainable_params == 0


def _message(entry: Unregistered, info: ModuleInfo, user: str) -> str:
    subject = f"{entry.name} ({entry.class_name}) runs in {user} but is not registered"
    if _is_frozen(info):
        return f"{subject}: .to() and state_dict() skip its {info.params:,} frozen parameters. {_advice(entry)}"
    if not info.params:
        return f"{subject}: .to() and state_dict() skip its buffers. {_advice(entry)}"
    return f"{subject}: its {info.params:,} parameters are not trained, not saved, and not moved by .to(). {_advice(entry)}"


def _advice(entry: Unregistered) -> str:
    if entry.role == "attribute" and entry.name.endswith("']"):
        return "Keep it in an nn.ModuleDict"
    if entry.role == "attribute" and entry.name.endswith("]"):
        return "Keep it in an nn.ModuleList"
    return "Assign it to an attribute of the module that uses it"
