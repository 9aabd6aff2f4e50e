"""MI302."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from modinspect.linter.queries import group_by_unused_module, listed, short, where
from modinspect.linter.rule import CallSite, PendingFinding, Rule, Runs, Undecided
from modinspect.report import Report


class GradientCut(Rule):
    """A trainable parameter is used and no gradient of the output reaches it.

    ## What it does
    Reports parameters with `requires_grad` that the forward uses, and that no floating output depends on as far as
    autograd knows: the way is cut by `.detach()`, `.data`, `torch.no_grad()`, `.item()`, numpy or a comparison, or the
    result is dropped.

    ## Why it is bad
    The parameter keeps its initial value for the whole training, without a word: its `grad` stays `None` and the
    optimizer skips it. `DistributedDataParallel` raises.

    ## Example
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Linear(8, 8)
            self.head = nn.Linear(8, 4)

        def forward(self, x):
            features = self.encoder(x).detach()
            return self.head(features)
    ```

    ## Use instead
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Linear(8, 8)
            self.head = nn.Linear(8, 4)

        def forward(self, x):
            features = self.encoder(x)
            return self.head(features)
    ```

    If the encoder is not to be trained, say so: `self.encoder.requires_grad_(False)`.

    ## How it is found
    A real forward with autograd, in train mode and in eval mode. The graph of the outputs, and of tensors that modules
    keep (an auxiliary loss), is followed to the parameters; no backward is computed. What is not reached is reported at
    the first call that took a value depending on it and gave none with a gradient; under `no_grad`, at the call of the
    module that runs under it.

    ## When to ignore it
    When something else than the loss updates the parameter (a moving average), though then it should not require a
    gradient.

    ## References
    - [A feature extractor that detaches: gradients do not reach the image encoder](https://github.com/lucidrains/CoCa-pytorch/issues/6)
    - [f = f.detach() makes two losses useless](https://github.com/NVlabs/DG-Net/issues/59)
    - [no_grad inside a model, found by DDP](https://github.com/pytorch/pytorch/issues/43259)
    """

    id = "MI302"
    name = "gradient-cut"
    severity = "warning"

    def check(self, runs: Runs) -> Iterator[PendingFinding]:
        """Trainable parameters that were used and that no gradient reaches, by the call that cuts it."""
        if not any(state.trainable for state in runs.report.parameters):
            return
        gradients = runs.gradients()
        used = _used(runs)
        lost = [state.name for state in runs.report.parameters if state.trainable and state.name in used - gradients.reached]
        if lost and not gradients.reached:
            yield _cut(runs.report, gradients.cuts.get(lost[0]), lost)
            return
        cut = [name for name in lost if name in gradients.cuts]
        for site in dict.fromkeys(gradients.cuts[name] for name in cut):
            yield _cut(runs.report, site, [name for name in cut if gradients.cuts[name] == site])
        for path, names in group_by_unused_module(runs.report, [name for name in lost if name not in gradients.cuts]).items():
            yield _dropped(runs.report, path, names)


def _used(runs: Runs) -> set[str]:
    """The parameters that an op used, in eval mode or in train mode."""
    reports = [runs.report]
    with suppress(Undecided):
        reports.append(runs.train())
    return {state.name for report in reports for state in report.parameters if state.used}


def _cut(report: Report, site: CallSite | None, names: list[str]) -> PendingFinding:
    subject = f"no gradient of the output reaches {listed(names)}"
    if site is None:
        return PendingFinding(f"{subject}. {_WAY_OUT}", names[0].rpartition(".")[0])
    at = f"{short(site.function)} in {where(report, site.module)}"
    why = f"{at} cuts it off" if short(site.function) in _CUTTERS else f"{at} runs without gradients, or its result has none"
    return PendingFinding(f"{subject}: {why}. {_WAY_OUT}", site.module, site.source)


def _dropped(report: Report, path: str, names: list[str]) -> PendingFinding:
    """Parameters whose results go nowhere: a branch that is computed and not used."""
    user = next((op for op in report.ops if any(operand.origin == f"param:{names[0]}" for operand in op.inputs)), None)
    call = next((call for call in report.calls if call.module == path), None)
    source = call.source if call is not None else user.source if user is not None else None
    owner = names[0].rpartition(".")[0] if path in names else path
    what = path if path in names else f"the parameters of {where(report, path)}"
    return PendingFinding(
        f"no gradient of the output reaches {what}: nothing of its result goes into the output. {_WAY_OUT}", owner, source
    )


_WAY_OUT = "Let gradients through, or freeze what is not to be trained: requires_grad_(False)"
_CUTTERS = frozenset(
    {"Tensor.detach", "Tensor.detach_", "torch.detach", "Tensor.data", "Tensor.item", "Tensor.tolist", "Tensor.numpy"}
)
