"""MI502."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.queries import ReportGraph, describe_module, describe_op
from modinspect.linter.rule import PendingFinding, Rule, Runs, Undecided
from modinspect.report import ForwardError, Op, Operand, Report, base_name

_MIXES = ("same device", "different devices", "on device", "found two devices")
_TO_NUMPY = frozenset({"numpy", "__array__"})
_KEEPS_DEVICE = frozenset(
    {"detach", "resolve_conj", "resolve_neg", "contiguous", "float", "double", "squeeze", "flatten", "view", "reshape"}
)


_MOVES = frozenset({"cpu", "to"})


class DevicePinned(Rule):
    """The forward mixes devices when the model is on a GPU.

    ## What it does
    Runs the forward as if the model and its inputs were on a GPU (none is needed) and reports the first call that gets
    tensors on two devices. Also reports `.numpy()` on a tensor that would be on the GPU.

    ## Why it is bad
    "Expected all tensors to be on the same device": the code works on a laptop and raises on the training machine.

    ## Example
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            return torch.cat([x, torch.zeros(x.shape[0], 1)], -1)
    ```

    ## Use instead
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            x = self.fc(x)
            return torch.cat([x, x.new_zeros(x.shape[0], 1)], -1)
    ```

    ## How it is found
    A weightless run in which parameters, buffers and inputs report `cuda` as their device. Tensors created without
    `device=` are on the CPU, and an operator that gets both raises as it would on CUDA. CPU scalars and indices are
    allowed, as CUDA allows them. The run ends at the first mistake. If the forward needs tensor values, the rule is not
    decided.

    ## When to ignore it
    If the model never leaves the CPU.

    ## References
    - [torch.arange without a device in a guided attention mask](https://github.com/mozilla/TTS/issues/473)
    - [A positional encoding that stays on the CPU](https://github.com/wingedsheep/transformer/issues/4)
    - [SA-ConvLSTM: found at least two devices, cpu and cuda:0](https://github.com/tsugumi-sys/SA-ConvLSTM-Pytorch/pull/26)
    """

    id = "MI502"
    name = "device-pinned"
    severity = "warning"

    def check(self, runs: Runs) -> Iterator[PendingFinding]:
        """Where tensors of two devices meet once the model is on a GPU."""
        report = runs.report
        graph = ReportGraph(report)
        to_numpy = [op for op in report.ops if base_name(op.name) in _TO_NUMPY and _is_on_the_models_device(graph, op)]
        for op in to_numpy:
            yield PendingFinding(
                f"{describe_op(report, op)} raises for a tensor on a GPU. Call .cpu() first, or stay in torch",
                op.module,
                op.source,
                about=op.name,
            )
        if to_numpy:
            return
        error = runs.device("weightless:cuda:0").error  # by its number: torch would ask the device, which is not there, for it
        if error is None:
            return
        if not any(words in error.message for words in _MIXES):
            raise Undecided(f"on another device the forward raised {error.type}: {error.message.strip().splitlines()[0]}")
        yield _finding(report, error)


def _is_on_the_models_device(graph: ReportGraph, op: Op) -> bool:
    """Whether an operand depends on the model or its inputs, with no ``.cpu()`` on the way as far as it is only passed on."""
    operand = op.inputs[0]
    while not _moved(graph, operand, op):
        maker = graph.producer(operand)
        if maker is None or base_name(maker.name) not in _KEEPS_DEVICE or not maker.inputs:
            return any(root.startswith(("input:", "param:", "buffer:")) for root in graph.roots(operand.origin))
        operand = maker.inputs[0]
    return False


def _moved(graph: ReportGraph, operand: Operand, op: Op) -> bool:
    """Whether ``.cpu()`` gave this value, or got it before ``op``: on the CPU it gives back the tensor itself."""
    maker = graph.producer(operand)
    if maker is not None:
        earlier = [maker, *(user for user in graph.users.get(maker.index, ()) if user.index < op.index)]
    else:
        earlier = [user for user in graph.report.ops[: op.index] if any(_same(operand, given) for given in user.inputs)]
    return any(base_name(other.name) in _MOVES for other in earlier)


def _same(one: Operand, other: Operand) -> bool:
    return one.origin is not None and one.origin == other.origin


def _finding(report: Report, error: ForwardError) -> PendingFinding:
    where = describe_module(report, error.module) if error.op is None else describe_op(report, error.op)
    return PendingFinding(
        f"with the model on a GPU, {where} gets tensors on two devices. Create tensors on the input's device "
        "(device=x.device), and keep constants in buffers",
        error.module,
        error.source,
    )
