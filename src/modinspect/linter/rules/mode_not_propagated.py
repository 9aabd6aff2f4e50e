"""MI203."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.queries import calls_of_created_modules, describe_module
from modinspect.linter.rule import ModeMismatch, PendingFinding, Rule, Runs
from modinspect.report import ModuleInfo, Source
from modinspect.wording import listed


class ModeNotPropagated(Rule):
    """A submodule doesn't follow `model.train()` or `model.eval()`.

    ## What it does
    Calls `model.train()`, `model.eval()` and `model.train()` again, and checks for modules that stay in the previous
    mode. Also reports modules that `forward` itself switches to train mode while the model is in eval mode.

    ## Why it is bad
    Dropout and batch norm in a module that stays in train mode behave as in training: predictions are random, and
    evaluation changes the running statistics. A module that stays in eval mode is never regularized. The usual cause is
    an override of `train()` without `super().train(mode)`, which is what passes the mode on. `eval()` is
    `train(False)`.

    ## Example
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.norm = nn.BatchNorm1d(4)

        def train(self, mode=True):
            self.training = mode
            return self

        def forward(self, x):
            return self.norm(self.fc(x))
    ```

    ## Use instead
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.norm = nn.BatchNorm1d(4)

        def train(self, mode=True):
            super().train(mode)
            return self

        def forward(self, x):
            return self.norm(self.fc(x))
    ```

    ## How it is found
    By the `training` flags after each switch, and by the mode in which each module ran. A module that an override keeps
    in eval mode on purpose is not reported if nothing in it is trainable, and is an info otherwise.

    ## When to ignore it
    If statistics are frozen on purpose while scale and shift are trained.

    ## References
    - [Overload of train() in a subclass of nn.Module breaks train and eval](https://github.com/KindXiaoming/pykan/issues/108)
    - [An override of train() leaves batch norm in training mode for good](https://github.com/roytseng-tw/Detectron.pytorch/issues/104)
    - [model.eval() starts a training run](https://github.com/ultralytics/ultralytics/issues/17751)
    - [Defining a train method will break the model.eval() call](https://github.com/Zhenye-Na/DA-RNN/issues/21)
    """

    id = "MI203"
    name = "mode-not-propagated"
    severity = "warning"

    def check(self, runs: Runs) -> Iterator[PendingFinding]:
        """Modules left in the other mode, and modules that ran in it."""
        modules = {module.path: module for module in runs.report.modules}
        mismatches = runs.mode_mismatches()
        groups: dict[object, list[ModeMismatch]] = {}
        for mismatch in mismatches:
            if mismatch.asked == "eval" or _matters_in_train(mismatch, modules.get(mismatch.module)):
                groups.setdefault((mismatch.asked, mismatch.set_on_purpose, mismatch.method), []).append(mismatch)
        for group in groups.values():
            yield _finding(runs, group)
        reported = {mismatch.module for mismatch in mismatches}
        made = calls_of_created_modules(runs)
        for call in runs.report.calls:
            info = modules.get(call.module)
            if (
                call.training
                and info is not None
                and info.registered
                and call.module not in reported
                and call.source not in made
            ):
                reported.add(call.module)
                yield PendingFinding(
                    f"{describe_module(runs.report, call.module)} runs in train mode after model.eval(), because forward "
                    "switches it. Leave the mode to train() and eval(), and check self.training",
                    call.module,
                    call.source,
                )


def _matters_in_train(mismatch: ModeMismatch, info: ModuleInfo | None) -> bool:
    """Frozen modules may stay in eval mode: many keep them there on purpose."""
    if not mismatch.set_on_purpose:
        return True
    return info is not None and info.trainable_params > 0


def _finding(runs: Runs, mismatches: list[ModeMismatch]) -> PendingFinding:
    first = mismatches[0]
    names = listed([describe_module(runs.report, mismatch.module) for mismatch in mismatches], limit=3)
    other = "train" if first.asked == "eval" else "eval"
    source: Source | None = first.method or (runs.declared(first.module) if first.module else None)
    if first.asked == "train" and first.set_on_purpose:
        message = f"{names} stays in eval mode after model.train(). Freeze its parameters too if this is intended"
        return PendingFinding(message, first.module, source, about="train", severity="info")
    verb = "are" if len(mismatches) > 1 else "is"
    advice = (
        "Call super().train(mode) in the override of train(), and return self" if first.method else "Switch modes with train()"
    )
    message = f"after model.{first.asked}(), {names} {verb} still in {other} mode. {advice}"
    return PendingFinding(message, first.module, source, about=first.asked)
