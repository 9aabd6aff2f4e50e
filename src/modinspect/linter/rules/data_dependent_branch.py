"""MI501."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.queries import ReportGraph, last, short, where
from modinspect.linter.rule import PendingFinding, Rule, Runs

_DECIDES = frozenset({
    "item", "tolist", "__bool__", "__int__", "__float__", "__complex__", "__index__", "__contains__", "is_nonzero",
    "equal", "allclose",
})  # fmt: skip


class DataDependentBranch(Rule):
    """A tensor's value decides which way Python goes.

    ## What it does
    Reports calls that take a tensor's value to Python: `.item()`, `.tolist()`, `int(t)`, `if t:`, `torch.equal`.

    ## Why it is bad
    `torch.compile` and `torch.export` break the graph there or refuse, and on a GPU Python has to wait for all work
    before it.

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
    In the eval run, by ops that read a value. Reads by torch's own modules, and printing, are not reported.

    ## When to ignore it
    When the model is neither compiled nor exported and the read is worth its wait, as a check of the inputs often is.

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
            if op.kind != "read" or last(op.name) not in _DECIDES or graph.by_torch(op):
                continue
            yield PendingFinding(
                f"{short(op.name)} in {where(runs.report, op.module)} takes a tensor's value to Python: torch.compile breaks "
                "the graph there, and a GPU has to be waited for. Decide by shapes, or compute both ways and choose with "
                "torch.where",
                op.module,
                op.source,
                about=op.name,
            )
