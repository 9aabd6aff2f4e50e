"""MI105."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.queries import where
from modinspect.linter.rule import PendingFinding, Rule, Runs


class ModuleMadeInForward(Rule):
    """A layer with parameters is built anew in each forward.

    ## What it does
    Reports a module with parameters that is constructed while the forward runs, and again in the next one.

    ## Why it is bad
    Its weights are drawn from random numbers at each call. They are in no optimizer, what a step would change is thrown
    away before the next forward, and nothing saves them. The rest of the model learns to live with the noise, which
    hides the mistake.

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

    Where a size is known only from the input, `nn.LazyLinear` and its kin are made for that.

    ## How it is found
    The forward runs twice. A module that runs in the second and was not there after the first is reported where it was
    made. One that the first forward makes and keeps is reported as an info: an optimizer made before it does not have
    its parameters. Modules without parameters (`nn.ReLU()(x)`, losses) cost a little time and are not reported.

    ## When to ignore it
    Never that we know of.

    ## References
    - [SoftPool creates its convolutions in forward, and no checkpoint has them](https://github.com/wangyida/softpool/issues/11)
    - [An output layer set in forward, in MONAI's diffusion encoder](https://github.com/Project-MONAI/MONAI/pull/8578)
    - [list(model.parameters()) of a module whose layers are made in forward](https://github.com/pytorch/pytorch/issues/1291)
    """

    id = "MI105"
    name = "module-made-in-forward"
    severity = "error"

    def check(self, runs: Runs) -> Iterator[PendingFinding]:
        """Modules with parameters that are not there before the forward."""
        for created in runs.created_modules():
            user = where(runs.report, created.module)
            if created.anew:
                yield PendingFinding(
                    f"{created.class_name} is built anew in each forward of {user}: its {created.params:,} parameters start "
                    "from random values each time, and nothing trains or saves them. Build it in __init__",
                    created.module,
                    created.source,
                    about=created.class_name,
                )
            else:
                yield PendingFinding(
                    f"{created.class_name} is built in the first forward of {user}: an optimizer made before that does not "
                    f"have its {created.params:,} parameters, and load_state_dict() has no place for them. Build it in "
                    "__init__, or use a lazy module of torch's",
                    created.module,
                    created.source,
                    about=created.class_name,
                    severity="info",
                )
