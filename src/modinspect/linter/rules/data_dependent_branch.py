"""MI501."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.queries import ReportGraph, describe_op
from modinspect.linter.rule import PendingFinding, Rule, Runs
from modinspect.report import base_name

_DECIDES = frozenset({
    "item", "tolist", "__bool__", "__int__", "__float__", "__complex__", "__index__", "__contains__", "is_nonzero",
    "equal", "allclose",
})  # fmt: skip


class DataDependentBranch(Rule):
    """A tensor's value is read into Python.

    ## What it does
    Checks for calls that read a tensor's value into Python: `.item()`, `.tolist()`, `int(t)`, `if t:`, `torch.equal`.

    ## Why it is bad
    `torch.compile` breaks the graph there and `torch.export` refuses. On a GPU, Python waits until all queued work is
    done.

    ## Example
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            if x.abs().max() > 10:
                x = x / 10
            return x
    ```

    ## Use instead
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            return torch.where(x.abs().amax(-1, keepdim=True) > 10, x / 10, x)
    ```

    ## How it is found
    In the eval run, by ops that read a value. Reads in torch's own modules, and printing, are not reported.

    ## When to ignore it
    If the model is neither compiled nor exported and the read is worth the wait, as input checks often are.

    ## References
    - [Tensor.item() causes graph compilation interruption](https://github.com/pytorch/pytorch/issues/158642)
    - [41 graph breaks, most of them .item(): compiled slower than eager](https://github.com/isayevlab/aimnetcentral/pull/109)
    - [SpecForge: fix graph break from Tensor.item()](https://github.com/sgl-project/SpecForge/pull/222)
    """

    id = "MI501"
    name = "data-dependent-branch"
    severity = "info"

    def check(self, runs: Runs) -> Iterator[PendingFinding]:
        """Reads of a value that Python can act on."""
        graph = ReportGraph(runs.report)
        for op in runs.report.ops:
            if op.kind != "read" or base_name(op.name) not in _DECIDES or graph.by_torch(op):
                continue
            yield PendingFinding(
                f"{describe_op(runs.report, op)} reads a tensor's value into Python: torch.compile breaks the graph, and a GPU "
                "synchronizes. Decide by shapes, or compute both ways and select with torch.where",
                op.module,
                op.source,
                about=op.name,
            )
