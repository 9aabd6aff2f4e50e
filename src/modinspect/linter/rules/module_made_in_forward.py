"""MI105."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.queries import describe_module
from modinspect.linter.rule import PendingFinding, Rule, Runs


class ModuleMadeInForward(Rule):
    """A module with parameters is created in `forward`.

    ## What it does
    Checks for modules with parameters that are constructed each time `forward` runs.

    ## Why it is bad
    The module starts from new weights at every call. No optimizer has its parameters, an update would be lost before
    the next call, and no checkpoint saves them. The rest of the model may learn around the noise, which hides the
    mistake.

    ## Example
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)

        def forward(self, x):
            head = nn.Linear(8, 4)
            return head(self.fc(x))
    ```

    ## Use instead
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 8)
            self.head = nn.Linear(8, 4)

        def forward(self, x):
            return self.head(self.fc(x))
    ```

    If a size is only known from the input, use a lazy module such as `nn.LazyLinear`.

    ## How it is found
    The forward runs twice. A module that runs in the second forward but did not exist after the first is reported where
    it is constructed. A module that the first forward creates and keeps is an info: an optimizer created earlier
    doesn't have its parameters. Modules without parameters (`nn.ReLU()(x)`, losses) are not reported.

    ## When to ignore it
    We know of no good reason.

    ## References
    - [SoftPool creates its convolutions in forward, and no checkpoint has them](https://github.com/wangyida/softpool/issues/11)
    - [An output layer set in forward, in MONAI's diffusion encoder](https://github.com/Project-MONAI/MONAI/pull/8578)
    - [list(model.parameters()) of a module whose layers are made in forward](https://github.com/pytorch/pytorch/issues/1291)
    """

    id = "MI105"
    name = "module-made-in-forward"
    severity = "error"

    def check(self, runs: Runs) -> Iterator[PendingFinding]:
        """Modules with parameters that did not exist before the forward."""
        for created in runs.created_modules():
            user = describe_module(runs.report, created.module)
            if created.anew:
                yield PendingFinding(
                    f"{created.class_name} is created in each forward of {user}: its {created.params:,} parameters start "
                    "anew each time, and nothing trains or saves them. Create it in __init__",
                    created.module,
                    created.source,
                    about=created.class_name,
                )
            else:
                yield PendingFinding(
                    f"{created.class_name} is created in the first forward of {user}: an optimizer created before "
                    f"doesn't have its {created.params:,} parameters, and load_state_dict() can't load them. Create it in "
                    "__init__, or use a lazy module such as nn.LazyLinear",
                    created.module,
                    created.source,
                    about=created.class_name,
                    severity="info",
                )
