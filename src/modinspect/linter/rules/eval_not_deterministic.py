"""MI202."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.queries import describe_call
from modinspect.linter.rule import PendingFinding, Rule, Runs


class EvalNotDeterministic(Rule):
    """Two eval runs on the same input give different outputs.

    ## What it does
    Runs the model twice in eval mode on the same input and reports the call at which the results start to differ.

    ## Why it is bad
    Predictions can't be reproduced, tests can't compare against them, and metrics change from one evaluation to the
    next. Usually randomness that belongs to training is still on, or one call leaves state that changes the next.

    ## Example
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            return x + 0.1 * torch.randn_like(x)
    ```

    ## Use instead
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            return x + 0.1 * torch.randn_like(x) if self.training else x
    ```

    ## How it is found
    Two real runs are compared call by call. The reported call is the first one on the way to the output whose operands
    are equal and whose result is not. Differences within rounding are ignored. Without real weights the rule is not
    decided.

    ## When to ignore it
    If the model samples, as a generative model does. A seeded `torch.Generator` makes it testable.

    ## References
    - [The same input through the same SegFormer gives two outputs](https://github.com/qubvel-org/segmentation_models.pytorch/issues/1222)
    - [Embedding network not deterministic in eval mode](https://github.com/ecmwf/WeatherGenerator/issues/917)
    - [Hyena model output changes randomly](https://github.com/HazyResearch/hyena-dna/issues/2)
    """

    id = "MI202"
    name = "eval-not-deterministic"
    severity = "warning"

    def check(self, runs: Runs) -> Iterator[PendingFinding]:
        """Where two runs on the same input part."""
        site = runs.nondeterminism()
        if site is None:
            return
        where = f", first at {describe_call(runs.report, site.function, site.module)}" if site.function else ""
        yield PendingFinding(
            f"two eval runs on the same input differ{where}. Draw random numbers and change state only if self.training",
            site.module,
            site.source,
        )
