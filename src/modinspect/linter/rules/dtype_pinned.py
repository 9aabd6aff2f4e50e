"""MI503."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.findings import Severity
from modinspect.linter.queries import ReportGraph, describe_module, describe_op
from modinspect.linter.rule import PendingFinding, Rule, Runs, Undecided
from modinspect.report import ForwardError, Op, Operand, Report, Source, base_name, index_of, short_name

_DTYPE = "bfloat16"
_WIDER = ("float32", "float64")
_MISMATCHES = ("dtype", "scalar type", "same type", "Input type", "expected m1 and m2", "Float", "BFloat16")
_USE_ITS_DTYPE = "Create tensors in the input's dtype (dtype=x.dtype), and keep constants in buffers"
_NO_KERNEL = "not implemented for"
_ONE_DTYPE = frozenset({
    "linear", "bilinear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "matmul",
    "__matmul__", "mm", "bmm", "baddbmm", "addmm", "einsum", "scaled_dot_product_attention", "lstm", "gru",
})  # fmt: skip
"""Functions that raise on operands of several dtypes."""

_NOT_USUAL = frozenset({
    "linear", "bilinear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    "matmul", "__matmul__", "mm", "bmm", "baddbmm", "addmm", "einsum", "scaled_dot_product_attention",
    "multi_head_attention_forward", "lstm", "gru", "rnn_tanh", "rnn_relu", "relu", "relu_", "relu6", "leaky_relu", "elu",
    "selu", "celu", "gelu", "silu", "mish", "glu", "prelu", "hardswish", "hardsigmoid", "hardtanh", "dropout",
    "max_pool1d", "max_pool2d", "max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "adaptive_avg_pool1d",
    "adaptive_avg_pool2d", "adaptive_avg_pool3d", "embedding",
})  # fmt: skip


class DtypePinned(Rule):
    """In bfloat16 the forward raises, or silently continues in float32.

    ## What it does
    Runs the forward with parameters, buffers and floating-point inputs in bfloat16, and checks for calls that raise on
    mixed dtypes, and for calls that promote bfloat16 to float32 all the way to an output.

    ## Why it is bad
    A float32 constant promotes everything it meets, so the model loses the speed and memory that bfloat16 was chosen
    for; at the next layer with weights it raises. Neither shows until someone calls `model.to(torch.bfloat16)`.

    ## Example
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return self.fc(x) * torch.linspace(0, 1, 4, device=x.device)
    ```

    ## Use instead
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return self.fc(x) * torch.linspace(0, 1, 4, device=x.device, dtype=x.dtype)
    ```

    ## How it is found
    An eval run in bfloat16. Tensors that are cast back before the output are fine, and so is what is usually computed
    in float32: norms, softmax, losses, angles, logits. If the CPU has no bfloat16 kernel for an operator, the rule is
    not decided. Functions that no device supports in bfloat16 (`torch.fft.rfft`, `.numpy()`) and numbers too large for
    float16 (`masked_fill(mask, -1e9)`) are infos.

    ## When to ignore it
    If the model runs in float32, or under `torch.autocast`, which casts by itself.

    ## References
    - [expected scalar type Float but found BFloat16, from an attention mask](https://github.com/mlfoundations/open_clip/issues/916)
    - [expected scalar type BFloat16 but found Float, in piper](https://github.com/rhasspy/piper/issues/752)
    - [Rotary embedding that goes on in float32](https://github.com/xjdr-alt/entropix/pull/59)
    """

    id = "MI503"
    name = "dtype-pinned"
    severity = "warning"

    def check(self, runs: Runs) -> Iterator[PendingFinding]:
        """Where the forward in bfloat16 raises, or where float32 comes into its outputs."""
        report = runs.dtype(_DTYPE)
        if report.error is not None:
            yield _raises(report, report.error)
            return
        graph = ReportGraph(report)
        mixed = next((op for op in report.ops if _would_raise(op)), None) if report.model.execution == "weightless" else None
        if mixed is not None:
            message = f"in {_DTYPE}, {describe_op(report, mixed)} gets tensors of several dtypes and raises. {_USE_ITS_DTYPE}"
            yield PendingFinding(message, mixed.module, mixed.source)
            return
        yield from _goes_on(graph)
        yield from _overflows(runs)


def _raises(report: Report, error: ForwardError) -> PendingFinding:
    message = (error.message.strip().splitlines() or [""])[0].rstrip(".")
    if _NO_KERNEL in message or not any(words in message for words in _MISMATCHES):
        raise Undecided(f"in {_DTYPE} the forward raised {error.type}: {message}")
    op = error.op
    where = describe_module(report, error.module) if op is None else describe_op(report, op)
    advice = _USE_ITS_DTYPE if op is None or _mixes(op) else "Cast to float32 before, and back after"
    severity: Severity | None = "info" if "nsupported" in message else None
    source = error.source or _became_wide(report, op)
    return PendingFinding(f"in {_DTYPE}, {where} raises: {message}. {advice}", error.module, source, severity=severity)


def _became_wide(report: Report, op: Op | None) -> Source | None:
    """The line that gave the wide operand of a layer that no line calls: one in an ``nn.Sequential``."""
    graph = ReportGraph(report)
    waiting = [operand for operand in op.inputs if operand.dtype in _WIDER] if op is not None else []
    while waiting:
        maker = graph.producer(waiting.pop())
        if maker is None:
            continue
        wide = [operand for operand in maker.inputs if operand.dtype in _WIDER]
        if maker.source is not None and len(wide) < len(maker.inputs):
            return maker.source
        waiting += wide
    return None


def _mixes(op: Op) -> bool:
    """Whether an op gets tensors of several floating dtypes."""
    return len({operand.dtype for operand in op.inputs if "float" in operand.dtype}) > 1


def _would_raise(op: Op) -> bool:
    """Whether an op that ran without memory would raise with it; autocast casts by itself."""
    return base_name(op.name) in _ONE_DTYPE and _mixes(op) and "aten._to_copy.default" not in op.aten


def _overflows(runs: Runs) -> Iterator[PendingFinding]:
    """A number too large for float16: ``masked_fill(mask, -1e9)``. Models that are not run in float16 need not care."""
    try:
        report = runs.dtype("float16")
    except Undecided:  # what bfloat16 has shown stands
        return
    error = report.error
    if error is not None and "without overflow" in error.message:
        where = describe_module(report, error.module) if error.op is None else describe_op(report, error.op)
        yield PendingFinding(
            f"in float16, {where} raises: a number is too large. Use torch.finfo(x.dtype).min",
            error.module,
            error.source,
            severity="info",
        )


def _goes_on(graph: ReportGraph) -> Iterator[PendingFinding]:
    """Ops that turn a narrow value into a wide one that reaches an output without being made narrow again."""
    wide = _wide_on_the_way_out(graph)
    # A cast is somebody's decision: a float32 state with a bfloat16 output can't be told from a mistake.
    all_wide = all(output.dtype != _DTYPE for output in graph.report.outputs)
    for op in graph.report.ops:
        if op.index not in wide or not any(operand.dtype == _DTYPE and operand.shape != () for operand in op.inputs):
            continue
        wider = [operand for operand in op.inputs if operand.dtype in _WIDER and operand.shape != ()]
        constant = next((operand for operand in wider if not _is_cast_on_purpose(graph, operand)), None)
        if constant is not None:
            if all_wide or not _is_made_wide_on_purpose(graph, constant):
                yield _promoted(graph, op, constant)
        elif not wider and all_wide and _follows_the_unusual(graph, op, wide):
            yield PendingFinding(
                f"in {_DTYPE}, {describe_op(graph.report, op)} returns {op.outputs[0].dtype}, and later calls stay in it up to "
                "the output. Cast back to the input's dtype",
                op.module,
                op.source,
                about=op.name,
            )


def _wide_on_the_way_out(graph: ReportGraph) -> set[int]:
    """The ops whose float32 results reach an output by float32 operands alone."""
    waiting = [index_of(output.origin, "op") for output in graph.report.outputs if output.dtype in _WIDER]
    found: set[int] = set()
    while waiting:
        index = waiting.pop()
        if index is None or index in found:
            continue
        found.add(index)
        waiting.extend(index_of(operand.origin, "op") for operand in graph.report.ops[index].inputs if operand.dtype in _WIDER)
    return found


def _is_cast_on_purpose(graph: ReportGraph, operand: Operand) -> bool:
    """Whether a wide operand comes from a narrow one that somebody made wide: then what it meets is meant to be so."""
    waiting, seen = [operand], set()
    while waiting:
        maker = graph.producer(waiting.pop())
        if maker is None or maker.index in seen:
            continue
        seen.add(maker.index)
        wider = [made_of for made_of in maker.inputs if made_of.dtype in _WIDER and made_of.shape != ()]
        if not wider and any(made_of.dtype == _DTYPE for made_of in maker.inputs):
            return True
        waiting.extend(wider)
    return False


def _is_made_wide_on_purpose(graph: ReportGraph, operand: Operand) -> bool:
    """Whether a wide operand is what was made with ``dtype=torch.float32``, as an initial state is.

    Views of it, and what was written to it since, count too.
    """
    maker = graph.producer(operand)
    while maker is not None and (maker.kind == "view" or maker.mutates) and maker.inputs:
        maker = graph.producer(maker.inputs[0])
    return maker is not None and maker.kind == "create" and maker.arguments.get("dtype") in _WIDER


def _promoted(graph: ReportGraph, op: Op, constant: Operand) -> PendingFinding:
    maker = graph.producer(constant)
    origin = f" from {short_name(maker.name)}" if maker is not None else ""
    return PendingFinding(
        f"in {_DTYPE}, {describe_op(graph.report, op)} gets a {constant.dtype} tensor{origin}, and the result stays "
        f"{constant.dtype} up to the output. Create that tensor in the input's dtype (dtype=x.dtype)",
        op.module,
        op.source,
        about=op.name,
    )


def _follows_the_unusual(graph: ReportGraph, op: Op, wide: set[int]) -> bool:
    """Whether a value that was made wide on purpose goes through more than what is usually done so: norms, softmax, losses."""
    waiting, seen = [op], {op.index}
    while waiting:
        for user in graph.users.get(waiting.pop().index, []):
            if user.index in wide and user.index not in seen:
                if base_name(user.name) in _NOT_USUAL:
                    return True
                seen.add(user.index)
                waiting.append(user)
    return False
