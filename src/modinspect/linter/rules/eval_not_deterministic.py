"""MI202."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.queries import short, where
from modinspect.linter.rule import PendingFinding, Rule, Runs


class EvalNotDeterministic(Rule):
    """Two eval runs on the same input give different outputs.

    ## What it does
    Runs the model twice in eval mode on the same input, one run after the other, and reports where the outputs begin to
    differ.

    ## Why it is bad
    A prediction cannot be repeated, a test cannot be written against it, and a metric moves from one evaluation to the
    next. Either random numbers are drawn that belong to training, or one call leaves something behind that the next one
    finds.

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
    Two real runs are watched, call by call. The first call with another result, of those that the output comes from and
    whose operands were still equal, is the one reported. Differences within rounding are none. Without the weights'
    values the rule can't be decided.

    ## When to ignore it
    When the model samples, as a generative one does. Hand it a seeded `torch.Generator`, and it can be tested all the
    same.

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
        begins = (
            f"; the difference begins with {short(site.function)} in {where(runs.report, site.module)}" if site.function else ""
        )
        yield PendingFinding(
            f"two eval runs on the same input give different outputs{begins}. Draw random numbers, and change state, only "
            "if self.training",
            site.module,
            site.source,
        )
