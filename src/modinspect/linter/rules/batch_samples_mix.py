"""MI402."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.queries import short, where
from modinspect.linter.rule import PendingFinding, Rule, Runs


class BatchSamplesMix(Rule):
    """In eval mode, the output for one sample depends on the others in its batch.

    ## What it does
    Replaces one of two samples and reports when the output for the other changes, with the call where they mix.

    ## Why it is bad
    A prediction depends on what happens to be in the same batch: results change with the batch size and the order, and
    evaluation does not measure what a user gets. Common causes are a reduction or softmax over dimension 0, a `reshape`
    that moves values between samples, batch norm without running statistics, and attention that takes the batch for the
    sequence (`batch_first`).

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
    By real eval runs on two samples of which one is replaced, watched call by call; a run on three samples shows which
    dimension of each tensor is the batch. Outputs over all pairs of samples, and losses, are left out. Where the inputs
    may have no batch (a graph's nodes, an image alone), or where the sequence may come first, the rule is skipped.

    ## When to ignore it
    When the batch is one thing: the points of a cloud, the nodes of a graph, the views of a contrastive loss.

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
        begins = f": {short(site.function)} in {where(runs.report, site.module)} mixes them" if site.function else ""
        yield PendingFinding(
            f"in eval mode the output for one sample depends on the other samples of its batch{begins}. Work along the "
            "dimensions of a sample, and leave the batch dimension alone",
            site.module,
            site.source,
        )
