"""MI301."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.queries import ReportGraph, describe_module, group_by_unused_module, parent_paths
from modinspect.linter.rule import PendingFinding, Rule, Runs, Undecided
from modinspect.report import Report, Source, StateTensor
from modinspect.usercode import is_installed
from modinspect.wording import listed


class UnusedParameter(Rule):
    """A trainable parameter is registered but never used.

    ## What it does
    Checks for parameters with `requires_grad=True` that no op used, in eval mode or in train mode.

    ## Why it is bad
    `DistributedDataParallel` waits for a gradient that never comes and raises "Expected to have finished reduction in
    the prior iteration". The optimizer, the checkpoint and the parameter count carry dead weight. And often the layer
    was meant to be called.

    ## Example
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = nn.Linear(8, 8)
            self.fc2 = nn.Linear(8, 4)
            self.norm = nn.LayerNorm(8)

        def forward(self, x):
            return self.fc2(self.fc1(x))
    ```

    ## Use instead
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = nn.Linear(8, 8)
            self.fc2 = nn.Linear(8, 4)
            self.norm = nn.LayerNorm(8)

        def forward(self, x):
            return self.fc2(self.norm(self.fc1(x)))
    ```

    ## How it is found
    By use, not by calls: `F.linear(x, self.fc.weight)` uses the weight of a layer that is never called. A parameter
    counts as used if any op takes it or if it is an output. If values decide what runs, as in a router that picks
    experts, other input values are tried too. The reported line registers the parameter, or the outermost module with
    no used parameter.

    ## When to ignore it
    If other inputs use the parameter: a mask token, or an encoder for images that this run didn't get. Give such
    inputs, or set `find_unused_parameters=True`.

    ## References
    - [find_unused_parameters of DDP](https://github.com/pytorch/pytorch/issues/68862)
    - [Why there are some unused parameters?](https://github.com/ImprintLab/MedSegDiff/issues/27)
    - [Expected to have finished reduction in the prior iteration before starting a new one](https://github.com/pytorch/pytorch/issues/43259)
    """

    id = "MI301"
    name = "unused-parameter"
    severity = "warning"

    def check(self, runs: Runs) -> Iterator[PendingFinding]:
        """Trainable parameters that no op used, in eval mode or in train mode."""
        unused = _unused(runs.report)
        if not unused:
            return
        try:
            in_train = {state.name for state in _unused(runs.train())}
        except Undecided as undecided:
            raise Undecided(f"parameters unused in eval mode may be used in train mode, but {undecided.reason}") from undecided
        names = [state.name for state in unused if state.name in in_train]
        if names and _goes_by_values(runs.report):
            idle = [{state.name for state in _unused(report)} for report in _varied_inputs(runs)]
            names = [name for name in names if all(name in others for others in idle)]
        for path, members in group_by_unused_module(runs.report, names).items():
            yield _finding(runs, path, members)


def _goes_by_values(report: Report) -> bool:
    """Whether a value that depends on the input decides what runs, as a router's choice of experts does."""
    graph = ReportGraph(report)
    return any(op.kind == "read" and any(graph.depends_on_input(operand.origin) for operand in op.inputs) for op in report.ops)


def _varied_inputs(runs: Runs) -> tuple[Report, ...]:
    try:
        return runs.varied_inputs()
    except Undecided:  # decide by the given inputs only
        return ()


def _unused(report: Report) -> list[StateTensor]:
    """The trainable parameters that no op takes and that are not outputs themselves."""
    given = {output.origin for call in report.calls for output in call.outputs}
    return [
        state for state in report.parameters if state.trainable and state.used is False and f"param:{state.name}" not in given
    ]


def _finding(runs: Runs, path: str, members: list[str]) -> PendingFinding:
    report = runs.report
    is_module = path not in members
    numels = {state.name: state.numel for state in report.parameters}
    size = sum(numels[name] for name in members)
    what = f"the parameters of {describe_module(report, path)}" if is_module else f"the parameter {path}"
    names = f" ({listed(members, limit=3)}: {size:,})" if is_module and len(members) > 1 else f" ({size:,})"
    owner = path if is_module else path.rpartition(".")[0]
    return PendingFinding(
        f"no op uses {what}{names}, so they get no gradient and DistributedDataParallel raises. Use them in forward, or don't "
        "create them",
        owner,
        _line(runs, path),
    )


def _line(runs: Runs, path: str) -> Source | None:
    """The line that registers it; where that is in a library's module that never ran, the line that registers that module."""
    calls = {module.path: module.calls for module in runs.report.modules}
    source = runs.declared(path)
    for holder in parent_paths(path):
        if source is None or not is_installed(source.file) or not holder or calls.get(holder):
            break
        source = runs.declared(holder)
    return source
