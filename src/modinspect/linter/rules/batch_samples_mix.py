"""MI402."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.queries import describe_call
from modinspect.linter.rule import PendingFinding, Rule, Runs


class BatchSamplesMix(Rule):
    """In eval mode, the output for one sample depends on the rest of the batch.

    ## What it does
    Replaces one of two samples and checks whether the output for the other changes. Reports the call at which they mix.

    ## Why it is bad
    Predictions depend on what else is in the batch: results change with batch size and order, and evaluation doesn't
    measure what users get. Common causes are a reduction or softmax over dimension 0, a `reshape` that moves values
    between samples, batch norm without running statistics, and attention that treats the batch as the sequence
    (`batch_first`).

    ## Example
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            return (x - x.mean(0)) / x.std(0)
    ```

    ## Use instead
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.norm = nn.BatchNorm1d(4)

        def forward(self, x):
            return self.norm(self.fc(x))
    ```

    ## How it is found
    Real eval runs on two samples, one of which is replaced, are compared call by call. A run on three samples shows
    which dimension of each tensor is the batch. Outputs over all pairs of samples, and losses, are ignored. If the
    inputs may have no batch dimension (a graph's nodes, a single image), or the sequence may come first, the rule is
    not decided.

    ## When to ignore it
    If the batch is one object: the points of a cloud, the nodes of a graph, the views of a contrastive loss.

    ## References
    - [TabFormer: the batch in the first dimension of an encoder that expects it in the second](https://github.com/IBM/TabFormer/pull/14)
    - [Self-attention mixed information across different molecules in the batch](https://github.com/DaoyuanLi2816/Molecule-Generator/pull/22)
    - [OmDet: attention without batch_first](https://github.com/om-ai-lab/OmDet/issues/19)
    - [The batch taken for the sequence in an image matting model](https://github.com/aipixel/AEMatter/issues/3)
    """

    id = "MI402"
    name = "batch-samples-mix"
    severity = "warning"

    def check(self, runs: Runs) -> Iterator[PendingFinding]:
        """Where another sample's values come into a sample's output."""
        site = runs.batch_mixing()
        if site is None:
            return
        where = f": {describe_call(runs.report, site.function, site.module)} mixes them" if site.function else ""
        yield PendingFinding(
            f"in eval mode, the output for one sample depends on the others in the batch{where}. Compute along the dimensions "
            "of a sample, not along the batch",
            site.module,
            site.source,
        )
