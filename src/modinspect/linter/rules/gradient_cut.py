"""MI302."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from modinspect.linter.queries import describe_call, describe_module, group_by_unused_module
from modinspect.linter.rule import CallSite, PendingFinding, Rule, Runs, Undecided
from modinspect.report import Report, short_name
from modinspect.wording import listed


class GradientCut(Rule):
    """A trainable parameter is used, but no gradient reaches it.

    ## What it does
    Checks for parameters with `requires_grad=True` that the forward uses but that no output depends on as far as
    autograd knows. The path is cut by `.detach()`, `.data`, `torch.no_grad()`, `.item()`, numpy, a comparison or an
    index, or the result is never used.

    ## Why it is bad
    The parameter keeps its initial value throughout training, without any error: its `grad` stays `None` and the
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

    If the encoder should not be trained, say so: `self.encoder.requires_grad_(False)`.

    ## How it is found
    A real forward with autograd, in train mode and in eval mode. The graph of the outputs, and of tensors that modules
    keep (such as an auxiliary loss), is followed back to the parameters; no backward is run. A parameter that isn't
    reached is reported at the first call whose operands depend on it and whose result has no gradient; under `no_grad`,
    at the call of the module that runs under it.

    ## When to ignore it
    If something other than the loss updates the parameter, such as a moving average. Such a parameter should have
    `requires_grad=False`.

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
    subject = f"no gradient reaches {listed(names, limit=3)}"
    if site is None:
        return PendingFinding(f"{subject}. {_ADVICE}", names[0].rpartition(".")[0])
    call = describe_call(report, site.function, site.module)
    cause = f"{call} cuts it" if short_name(site.function) in _CUTTERS else f"{call} returns no gradient"
    return PendingFinding(f"{subject}: {cause}. {_ADVICE}", site.module, site.source)


def _dropped(report: Report, path: str, names: list[str]) -> PendingFinding:
    """Parameters of a branch that is computed and not used."""
    user = next((op for op in report.ops if any(operand.origin == f"param:{names[0]}" for operand in op.inputs)), None)
    call = next((call for call in report.calls if call.module == path), None)
    source = call.source if call is not None else user.source if user is not None else None
    owner = names[0].rpartition(".")[0] if path in names else path
    what = path if path in names else f"the parameters of {describe_module(report, path)}"
    return PendingFinding(f"no gradient reaches {what}: the output doesn't depend on its result. {_ADVICE}", owner, source)


_ADVICE = "Let gradients through, or freeze the parameters with requires_grad_(False)"
_CUTTERS = frozenset(
    {"Tensor.detach", "Tensor.detach_", "torch.detach", "Tensor.data", "Tensor.item", "Tensor.tolist", "Tensor.numpy"}
)
