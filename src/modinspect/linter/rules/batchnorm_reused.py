"""MI303."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.queries import ReportGraph, Updates, describe_module, updates
from modinspect.linter.rule import PendingFinding, Rule, Runs
from modinspect.report import Call


class BatchnormReused(Rule):
    """One batch norm runs several times per forward, which mixes its statistics.

    ## What it does
    Checks for batch norms that update the same running statistics more than once in one training forward: called twice,
    called in a loop, or part of an encoder that runs on two inputs.

    ## Why it is bad
    In train mode each call normalizes with its own batch. In eval mode all calls share one average of statistics from
    different places or inputs, which fits none of them: the model does well in training and badly in evaluation.

    ## Example
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = nn.Linear(8, 8, bias=False)
            self.fc2 = nn.Linear(8, 8, bias=False)
            self.norm = nn.BatchNorm1d(8)

        def forward(self, x):
            x = self.norm(self.fc1(x))
            return self.norm(self.fc2(x))
    ```

    ## Use instead
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = nn.Linear(8, 8, bias=False)
            self.fc2 = nn.Linear(8, 8, bias=False)
            self.norm1 = nn.BatchNorm1d(8)
            self.norm2 = nn.BatchNorm1d(8)

        def forward(self, x):
            x = self.norm1(self.fc1(x))
            return self.norm2(self.fc2(x))
    ```

    In a siamese network, run both inputs as one batch (`torch.cat`), or use a norm without batch statistics.

    ## How it is found
    In the train run, by the running means that batch norms write to. A batch of one is doubled, because batch norm
    needs more than one value. The reported line is the second call of the norm, or of the module around it.

    ## When to ignore it
    If both calls see the same kind of data, such as the two views in contrastive learning, and evaluation was checked.

    ## References
    - [How to make batchnorm maintain multiple pairs of running_mean and running_var?](https://github.com/pytorch/pytorch/issues/1738)
    - [Recurrent batch normalization: whose statistics at evaluation time?](https://github.com/Element-Research/rnn/issues/252)
    - [Running through one net piece by piece is not running one batch](https://github.com/pytorch/pytorch/issues/4741)
    """

    id = "MI303"
    name = "batchnorm-reused"
    severity = "warning"

    def check(self, runs: Runs) -> Iterator[PendingFinding]:
        """Running statistics that one forward in train mode updates more than once."""
        if not any(op.name.endswith("batch_norm") for op in runs.report.ops):
            return
        report = runs.train()
        graph = ReportGraph(report)
        for found in updates(report):
            if len(found.ops) < 2:
                continue
            again = _second(graph, found)
            yield PendingFinding(
                f"{describe_module(report, found.module)} runs {len(found.ops)} times per forward, which mixes the running "
                "statistics of different inputs. Use a batch norm for each, or a norm without statistics (nn.GroupNorm, "
                "nn.LayerNorm)",
                found.module,
                again.source if again is not None else found.ops[1].source,
            )


def _second(graph: ReportGraph, found: Updates) -> Call | None:
    """The call that led to the second update and not to the first: of the batch norm itself, or of a module around it."""
    first = list(graph.calls_around(graph.call_of(found.ops[0])))
    second = list(graph.calls_around(graph.call_of(found.ops[1])))
    shared = {call.index for call in first}
    apart = [call for call in second if call.index not in shared]
    return apart[-1] if apart else None
