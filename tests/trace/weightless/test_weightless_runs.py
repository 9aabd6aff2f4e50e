"""A run without memory reports what a real run reports, or says that it can't."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._higher_order_ops.strict_mode import strict_mode

from modinspect import inspect_target, lint
from modinspect.errors import RunError
from modinspect.report import Report
from modinspect.trace import NeedsValues, Weightless, trace, without_memory
from tests.data_helpers import replace
from tests.trace import test_architectures
from tests.trace.small_models import ZOO

CPU, CUDA = torch.device("cpu"), torch.device("cuda:0")
Build = Callable[[], tuple[nn.Module, tuple[Any, ...], dict[str, Any]]]


class Calls(nn.Module):
    """``forward`` is the function that is given."""

    def __init__(self, forward: Callable[..., Any], **attributes: Any) -> None:
        super().__init__()
        self.run = forward
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, *args: Any) -> Any:
        return self.run(self, *args)


def real(build: Build) -> Report:
    torch.manual_seed(3)
    model, args, kwargs = build()
    torch.manual_seed(3)
    return trace(model, args, kwargs)


def weightless(build: Build, device: torch.device = CPU) -> Report:
    if device == CUDA and not hasattr(torch._C, "_ensureCUDADeviceGuardSet"):
        pytest.skip("this torch can't run as if on a GPU where there is none")
    torch.manual_seed(3)
    with without_memory() as aliases:
        model, args, kwargs = build()
    torch.manual_seed(3)
    return trace(model, args, kwargs, weightless=Weightless(device, aliases))


def alike(report: Report) -> dict[str, Any]:
    """All that the two must have in common: how it was run and what outlives it are the run's own."""
    plain = replace(
        report,
        model=replace(report.model, execution="real"),
        ops=tuple(replace(op, kept=None) for op in report.ops),
    )
    return plain.to_dict()


def of_the_zoo(name: str) -> Build:
    def build() -> tuple[nn.Module, tuple[Any, ...], dict[str, Any]]:
        model, args = ZOO[name]()
        return model, args, {}

    return build


def of_transformers(name: str) -> Build:
    def build() -> tuple[nn.Module, tuple[Any, ...], dict[str, Any]]:
        model, kwargs = getattr(test_architectures, name)()
        return model.eval(), (), kwargs

    return build


ARCHITECTURES = ("bert", "gpt2", "llama", "t5", "vit", "whisper")


@pytest.mark.slow
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_architectures_report_without_memory_what_they_report_with_it(name: str) -> None:
    build = of_transformers(name)
    without = weightless(build)
    assert without.model.execution == "weightless"
    assert alike(without) == alike(real(build))


ASK_FOR_THE_REAL_RUN = {"experts", "nested_strided", "quantized"}
"""Models that route by value, look at weights while they are built, or differentiate; ``inspect_target`` runs them for real."""


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(ZOO) - ASK_FOR_THE_REAL_RUN))
def test_small_models_report_without_memory_what_they_report_with_it(name: str) -> None:
    build = of_the_zoo(name)
    assert alike(weightless(build)) == alike(real(build))


@pytest.mark.parametrize("name", sorted(ASK_FOR_THE_REAL_RUN))
def test_what_can_not_be_done_without_memory_is_never_a_wrong_report(name: str) -> None:
    try:
        report = weightless(of_the_zoo(name))
    except (NeedsValues, RuntimeError) as asked:
        said = str(asked)
    else:
        assert report.error is not None
        said = report.error.message
    assert said


def test_parameters_have_no_memory_and_buffers_do() -> None:
    with without_memory():
        model = nn.BatchNorm1d(4)
    assert {p.device.type for p in model.parameters()} == {"meta"}
    assert {b.device.type for b in model.buffers()} == {"cpu"}


def test_weights_tied_by_attribute_or_by_a_variable_stay_one() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            weight = nn.Parameter(torch.rand(4, 4))
            self.a, self.b = weight, weight
            self.kept = [weight]
            self.up, self.down = nn.Linear(4, 4), nn.Linear(4, 4)
            self.down.weight = self.up.weight

        def forward(self, x: Tensor) -> Tensor:
            return self.down(self.up(x @ self.a @ self.b @ self.kept[0]))

    def build() -> Any:
        return Tied(), (torch.rand(2, 4),), {}

    report = weightless(build)
    assert alike(report) == alike(real(build))
    assert report.totals.params == 16 + 16 + 4 + 4
    assert [op.inputs[1].origin for op in report.ops[:3]] == ["param:a"] * 3
    assert report.unregistered == ()


def test_what_is_written_with_a_hidden_value_is_not_known_any_more() -> None:
    def forward(self: Calls, x: Tensor) -> Tensor:
        out = torch.zeros(2, 4)
        part = out[0]
        out[0] = self.fc(x)[0]
        return part + out.sum()

    def build() -> Any:
        return Calls(forward, fc=nn.Linear(4, 4)), (torch.rand(2, 4),), {}

    assert alike(weightless(build)) == alike(real(build))

    def forward_and_look(self: Calls, x: Tensor) -> Tensor:
        return x if forward(self, x).sum() > 0 else -x

    with pytest.raises(NeedsValues, match=r"Tensor\.__bool__ needs the values of a tensor at .*test_weightless_runs\.py"):
        weightless(lambda: (Calls(forward_and_look, fc=nn.Linear(4, 4)), (torch.rand(2, 4),), {}))


@pytest.mark.parametrize(
    "look",
    [
        lambda t: t.item(),
        bool,
        lambda t: t.tolist(),
        lambda t: t.numpy(),
        lambda t: t[t > 0],
        lambda t: t.nonzero(),
    ],
    ids=["item", "bool", "tolist", "numpy", "mask", "nonzero"],
)
def test_values_that_are_not_there_are_asked_for(look: Callable[[Tensor], Any]) -> None:
    def build() -> Any:
        return Calls(lambda self, x: look(self.fc(x).sum()), fc=nn.Linear(4, 4)), (torch.rand(2, 4),), {}

    with pytest.raises(NeedsValues):
        weightless(build)


def test_a_model_that_catches_everything_goes_no_other_way() -> None:
    def forward(self: Calls, x: Tensor) -> Tensor:
        try:
            return x * self.fc(x).sum().item()
        except Exception:
            return x

    with pytest.raises(NeedsValues):
        weightless(lambda: (Calls(forward, fc=nn.Linear(4, 4)), (torch.rand(2, 4),), {}))


def test_packing_needs_the_lengths_and_is_no_error_of_the_model() -> None:
    def forward(self: Calls, x: Tensor, lengths: Tensor) -> Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(self.fc(x), lengths, batch_first=True)
        return packed.data

    with pytest.raises(NeedsValues, match="_pack_padded_sequence needs the values of a tensor"):
        weightless(lambda: (Calls(forward, fc=nn.Linear(4, 4)), (torch.rand(2, 3, 4), torch.tensor([3, 1])), {}))


def test_an_operator_that_takes_functions_is_asked_for_with_its_place() -> None:
    def build() -> Any:
        return (
            Calls(lambda self, x: strict_mode(lambda y: (y + 1,), (self.fc(x),)), fc=nn.Linear(4, 4)),
            (torch.rand(2, 4),),
            {},
        )

    with pytest.raises(NeedsValues, match=r"^strict_mode can't run without memory at .*test_weightless_runs\.py"):
        weightless(build)


def test_an_operator_that_runs_code_has_no_rule_for_shapes() -> None:
    flex = pytest.importorskip("torch.nn.attention.flex_attention")

    def forward(self: Calls, x: Tensor) -> Any:
        x = self.fc(x)
        return flex.flex_attention(x, x, x)

    with pytest.raises(NeedsValues, match=r"flex_attention can't run without memory at .*test_weightless_runs\.py"):
        weightless(lambda: (Calls(forward, fc=nn.Linear(4, 4)), (torch.rand(1, 2, 16, 4),), {}))


def test_masks_and_positions_have_values() -> None:
    def forward(self: Calls, ids: Tensor, mask: Tensor) -> Tensor:
        hidden = self.embed(ids)
        if mask.all():
            hidden = hidden * 2
        return hidden[mask].sum() + torch.arange(3)[-1].item()

    def build() -> Any:
        return Calls(forward, embed=nn.Embedding(9, 4)), (torch.tensor([[1, 2, 3]]), torch.tensor([[True, False, True]])), {}

    report = weightless(build)
    assert alike(report) == alike(real(build))
    indexed = next(op for op in report.ops if op.name == "torch.Tensor.__getitem__")
    assert indexed.outputs[0].shape == (2, 4)


def test_gradients_go_through_what_runs_again() -> None:
    def forward(self: Calls, x: Tensor) -> Tensor:
        with torch.enable_grad():
            x = x.clone().requires_grad_()
            twice = [self.fc(x).tanh(), self.fc(x).tanh()]
            assert [tensor.requires_grad for tensor in twice] == [True, True]
            return torch.autograd.grad(twice[0].sum() + twice[1].sum(), x)[0]

    def build() -> Any:
        return Calls(forward, fc=nn.Linear(4, 4)), (torch.rand(2, 4),), {}

    report = weightless(build)
    assert report.error is None
    assert alike(report) == alike(real(build))


@pytest.mark.parametrize(
    "transformed",
    [
        lambda fc, x: torch.func.grad(lambda w: (x @ w).sum())(fc.weight),
        lambda fc, x: torch.func.vmap(lambda row: row * x)(fc.weight),
        lambda fc, x: torch.func.grad(lambda p: torch.func.functional_call(fc, p, x).sum())(dict(fc.named_parameters())),
    ],
    ids=["grad", "vmap", "functional_call"],
)
def test_a_transform_over_parameters_needs_them(transformed: Callable[[nn.Module, Tensor], Any]) -> None:
    def build() -> Any:
        return Calls(lambda self, x: transformed(self.fc, x), fc=nn.Linear(4, 4)), (torch.rand(2, 4),), {}

    assert real(build).error is None
    with pytest.raises(NeedsValues, match="is applied to a tensor without memory"):
        weightless(build)


def test_a_step_of_an_optimizer_needs_the_gradients_of_parameters() -> None:
    def forward(self: Calls, x: Tensor) -> Tensor:
        with torch.enable_grad():
            optimizer = torch.optim.SGD(self.fc.parameters(), lr=0.1)
            self.fc(x).sum().backward()
            optimizer.step()
        return self.fc(x)

    def build() -> Any:
        return Calls(forward, fc=nn.Linear(4, 4)), (torch.rand(2, 4),), {}

    assert [op.name for op in real(build).ops].count("torch.Tensor.add_") == 2
    with pytest.raises(NeedsValues, match=r"the gradient of a tensor without memory is asked for"):
        weightless(build)


def test_an_operator_that_answers_a_question_answers_it_again() -> None:
    def forward(self: Calls, x: Tensor) -> Any:
        # torch asks whether the storages of a tensor and its tangent are of one size
        tangents = [torch.func.jvp(self.fc, (x,), (self.fc(x),)) for _ in range(2)]
        return tangents, torch.func.jvp(lambda w: x @ w, (self.fc.weight,), (self.fc.weight,))

    def build() -> Any:
        return Calls(forward, fc=nn.Linear(4, 4)), (torch.rand(2, 4),), {}

    report = weightless(build)
    assert report.error is None
    assert alike(report) == alike(real(build))


def test_a_random_choice_after_a_random_number_that_was_not_drawn_is_not_guessed() -> None:
    def forward(self: Calls, x: Tensor) -> Tensor:
        x = F.dropout(self.fc(x), 0.5, True)
        return x if torch.rand([]) < 0.5 else self.fc(x)

    with pytest.raises(NeedsValues):
        weightless(lambda: (Calls(forward, fc=nn.Linear(4, 4)), (torch.rand(2, 4),), {}))


@pytest.mark.process
def test_six_billion_parameters_take_neither_memory_nor_time() -> None:
    code = """
import resource, torch
from torch import nn
from modinspect.trace import Weightless, trace, without_memory
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with without_memory() as aliases:
    model = nn.Sequential(*(nn.Linear(32_000, 32_000) for _ in range(6)))
report = trace(model, (torch.rand(1, 32_000),), weightless=Weightless(torch.device("cpu"), aliases))
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
assert report.totals.params == 6 * 32_000 * 32_001, report.totals
assert grown < 100 * 1024, grown
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# -- as if on a GPU


def test_a_constant_left_on_the_cpu_is_found_without_a_gpu() -> None:
    scale = torch.ones(4)

    def forward(self: Calls, x: Tensor) -> Tensor:
        return self.fc(x) * scale

    report = weightless(lambda: (Calls(forward, fc=nn.Linear(4, 4)), (torch.rand(2, 4),), {}), CUDA)
    assert report.error is not None
    assert "cuda:0" in report.error.message
    assert "cpu" in report.error.message
    assert report.error.source is not None
    assert report.error.source.code == "return self.fc(x) * scale"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bert", "gpt2", "llama", "t5", "vit", "whisper"])
def test_architectures_run_as_if_on_a_gpu(name: str) -> None:
    report = weightless(of_transformers(name), CUDA)
    assert report.error is None
    assert report.model.device == "cuda:0"
    assert [op.name for op in report.ops] == [op.name for op in real(of_transformers(name)).ops]


def test_values_of_masks_are_known_on_the_gpu_that_is_not_there() -> None:
    def forward(self: Calls, x: Tensor) -> Tensor:
        mask = torch.ones(3, device=x.device).bool()
        assert x.device.type == "cuda"
        return self.fc(x) if mask.all() else x

    report = weightless(lambda: (Calls(forward, fc=nn.Linear(4, 4)), (torch.rand(3, 4),), {}), CUDA)
    assert report.error is None
    assert [op.name for op in report.ops][-1] == "torch.nn.functional.linear"


class Looks(nn.Module):
    """Looks a value up in a table that ``.to()`` moves, or in one that it leaves on the CPU."""

    def __init__(self, registered: bool) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        if registered:
            self.register_buffer("table", torch.arange(10.0))
        else:
            self.table = torch.arange(10.0)

    def forward(self, x: Tensor, ids: Tensor) -> Any:
        x = self.fc(x)
        x[0, torch.tensor([1])] = 3.0
        return x + self.table[ids].sum()


@pytest.mark.parametrize("registered", [True, False])
def test_indices_may_be_on_the_cpu_but_on_no_other_device(registered: bool) -> None:
    report = weightless(lambda: (Looks(registered), (torch.rand(2, 4), torch.tensor([1, 2])), {}), CUDA)
    if registered:
        assert report.error is None
    else:
        assert report.error is not None
        assert report.error.message.startswith("indices should be either on cpu or on the same device as the indexed tensor")
        assert report.error.op is not None
        assert report.error.op.name == "torch.Tensor.__getitem__"


class OfItsOwnClass(nn.Parameter):
    pass


class Marked(Tensor):
    pass


ELSEWHERE: dict[str, tuple[Callable[..., Any], Any]] = {
    "vmap over an input": (lambda self, x: torch.vmap(self.fc)(x), None),
    "grad by an input": (lambda self, x: torch.func.grad(lambda a: self.fc(a).sum())(x), None),
    "a parameter of a subclass": (lambda self, x: x @ self.own, lambda: OfItsOwnClass(torch.ones(4, 4))),
    "an input as a subclass": (lambda self, x: self.fc(x.as_subclass(Marked)), None),
    "a ragged batch": (lambda self, x: self.fc(torch.nested.nested_tensor([x, x[:1]], layout=torch.jagged)), None),
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_can_not_be_on_the_gpu_that_is_not_there_is_no_constant_left_on_the_cpu(name: str) -> None:
    forward, own = ELSEWHERE[name]

    def build() -> Any:
        more = {} if own is None else {"own": own()}
        return Calls(forward, fc=nn.Linear(4, 4), **more), (torch.rand(2, 4),), {}

    assert real(build).error is None
    with pytest.raises(NeedsValues):
        weightless(build, CUDA)


def double(*shape: int) -> Tensor:
    return torch.ones(*shape, dtype=torch.float64)


REFUSED: dict[str, tuple[Callable[[], nn.Module], tuple[Tensor, ...]]] = {
    "linear of another float": (lambda: nn.Linear(4, 3), (double(2, 4),)),
    "linear of integers": (lambda: nn.Linear(4, 3, bias=False), (torch.ones(2, 4, dtype=torch.int64),)),
    "transposed convolution": (lambda: nn.ConvTranspose2d(3, 4, 3), (double(1, 3, 8, 8),)),
    "layer norm": (lambda: nn.LayerNorm(4), (double(2, 4),)),
    "batch norm": (lambda: nn.BatchNorm1d(4), (double(2, 4),)),
    "attention": (lambda: nn.MultiheadAttention(4, 2), (double(2, 2, 4),) * 3),
    "a row beyond the last": (lambda: nn.Embedding(4, 3), (torch.tensor([1, 4]),)),
    "a row before the first": (lambda: nn.Embedding(4, 3), (torch.tensor([-1]),)),
    "a row in a bag": (lambda: nn.EmbeddingBag(4, 3), (torch.tensor([[1, 4]]),)),
    "an index": (lambda: Calls(lambda m, i: m.w[i], w=nn.Parameter(torch.ones(4, 3))), (torch.tensor([4]),)),
    "gather": (lambda: Calls(lambda m, i: m.w.gather(1, i), w=nn.Parameter(torch.ones(4, 3))), (torch.tensor([[3]]),)),
    "take": (lambda: Calls(lambda m, i: m.w.take(i), w=nn.Parameter(torch.ones(4))), (torch.tensor([4]),)),
    "a class": (lambda: Calls(lambda m, i: F.cross_entropy(m.w, i), w=nn.Parameter(torch.ones(1, 3))), (torch.tensor([3]),)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_dtypes_and_indices_that_a_real_run_refuses_are_refused_without_memory(name: str) -> None:
    build, inputs = REFUSED[name]
    reports = [run(lambda: (build().eval(), inputs, {})) for run in (real, weightless)]
    found, expected = reports[1].error, reports[0].error
    assert expected is not None
    assert found is not None
    assert found.op is not None
    assert expected.op is not None
    assert (found.op.name, found.module) == (expected.op.name, expected.module)


ACCEPTED: dict[str, tuple[Callable[[], nn.Module], tuple[Tensor, ...]]] = {
    "a norm of half precision": (lambda: nn.LayerNorm(4), (torch.ones(2, 4, dtype=torch.bfloat16),)),
    "the last row": (lambda: nn.Embedding(4, 3), (torch.tensor([0, 3]),)),
    "an index from the end": (lambda: Calls(lambda m, i: m.w[i], w=nn.Parameter(torch.ones(4, 3))), (torch.tensor([-4]),)),
    "no index at all": (lambda: nn.Embedding(4, 3), (torch.ones(0, dtype=torch.int64),)),
    "a class to be ignored": (
        lambda: Calls(lambda m, i: F.cross_entropy(m.w, i), w=nn.Parameter(torch.ones(2, 3))),
        (torch.tensor([2, -100]),),
    ),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_dtypes_and_indices_that_a_real_run_takes_are_taken_without_memory(name: str) -> None:
    build, inputs = ACCEPTED[name]
    assert alike(weightless(lambda: (build().eval(), inputs, {}))) == alike(real(lambda: (build().eval(), inputs, {})))


def test_an_index_out_of_range_is_found_in_the_second_call_of_its_kind_too() -> None:
    def build() -> tuple[nn.Module, tuple[Any, ...], dict[str, Any]]:
        model = Calls(lambda m, a, b: (m.table(a), m.table(b)), table=nn.Embedding(4, 3))
        return model, (torch.tensor([0, 3]), torch.tensor([0, 4])), {}

    report = weightless(build)
    assert report.error is not None
    assert len(report.ops) == 1


def test_a_line_that_nobody_can_read_is_named_without_its_code() -> None:
    forward = eval(compile("lambda self, x: self.fc(x).sum().item()", "typed in", "eval"))
    with pytest.raises(NeedsValues, match=r"needs the values of a tensor at typed in:1$"):
        weightless(lambda: (Calls(forward, fc=nn.Linear(4, 4)), (torch.rand(2, 4),), {}))


def on_cuda(forward: Callable[..., Any], **attributes: Any) -> Report:
    return weightless(lambda: (Calls(forward, fc=nn.Linear(4, 4), **attributes), (torch.rand(2, 4),), {}), CUDA)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_autocast_is_on_where_the_gpu_is_not_there(dtype: torch.dtype) -> None:
    def forward(self: Calls, x: Tensor) -> Tensor:
        with torch.autocast("cuda", dtype=dtype):
            return self.fc(self.fc(x))

    report = on_cuda(forward)
    assert report.error is None
    assert [output.dtype for output in report.outputs] == [str(dtype).removeprefix("torch.")]


def test_a_model_that_asks_for_a_gpu_is_told_that_there_is_one_and_nobody_else() -> None:
    before = torch.cuda.is_available

    def forward(self: Calls, x: Tensor) -> Tensor:
        return self.fc(x) + torch.ones(4, device="cuda" if torch.cuda.is_available() else "cpu")

    assert on_cuda(forward).error is None
    assert torch.cuda.is_available is before


def test_layers_that_call_more_inside_run_as_if_on_a_gpu() -> None:
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)

    def forward(self: Calls, x: Tensor) -> Tensor:
        return self.layer(self.fc(x)[None], src_key_padding_mask=torch.zeros(1, 2, dtype=torch.bool, device=x.device))

    report = on_cuda(forward, layer=layer)
    assert report.error is None
    assert report.outputs[0].shape == (1, 2, 4)


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        (lambda self, x: x.numpy(), "can't convert cuda:0 device type tensor to numpy"),
        (
            lambda self, x: self.fc(x) + torch.rand(4, generator=torch.Generator(), device=x.device),
            "Expected a 'cuda' device type for generator but found 'cpu'",
        ),
    ],
    ids=["numpy", "generator"],
)
def test_what_a_gpu_does_not_do_is_an_error_of_the_model(forward: Callable[..., Any], message: str) -> None:
    report = on_cuda(forward)
    assert report.error is not None
    assert report.error.message.startswith(message)
    assert report.error.source is not None


def test_gradients_as_if_on_a_gpu_do_not_end_the_process() -> None:
    def forward(self: Calls, x: Tensor) -> Tensor:
        with torch.enable_grad():
            return self.fc(x)

    assert on_cuda(forward).error is None

    def forward_of_inputs(self: Calls, x: Tensor) -> Tensor:
        with torch.enable_grad():
            return self.fc(x.detach().requires_grad_())

    with pytest.raises(NeedsValues, match="autograd can't record on cuda:0"):
        on_cuda(forward_of_inputs)


def test_a_tensor_is_made_on_the_gpu_of_numbers_that_are_known() -> None:
    def forward(self: Calls, x: Tensor) -> Tensor:
        places = torch.arange(3, device=x.device)
        return self.fc(x) + torch.tensor([places[0], places[2], 2, 3], device=x.device)

    assert on_cuda(forward).error is None


@torch.jit.script
def scripted_linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.linear(x, weight, bias).relu()


@torch.jit.script
def scripted_scale(x: Tensor, by: Tensor) -> Tensor:
    return x * by


@torch.jit.script
def scripted_list(parts: list[Tensor], weight: Tensor) -> Tensor:
    return torch.cat(parts, 0) @ weight


@torch.jit.script
def scripted_ones_there(x: Tensor) -> Tensor:
    return x + torch.ones(x.shape, device=x.device)


@torch.jit.script
def scripted_ones_on_the_cpu(x: Tensor) -> Tensor:
    return x + torch.ones(x.shape)


class Scripted(nn.Module):
    """Calls ``function`` on the input and ``names`` among its attributes; ``constant`` is on the CPU wherever the model is."""

    def __init__(self, function: Any, *names: str, lists: bool = False) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.rand(4, 4)), nn.Parameter(torch.rand(4))
        self.register_buffer("buffer", torch.rand(4))
        self.constant = torch.rand(4)
        self.function, self.names, self.lists = function, names, lists

    def forward(self, x: Tensor) -> Any:
        return self.function([x, x] if self.lists else x, *(getattr(self, name) for name in self.names))


def scripted_module() -> nn.Module:
    return nn.Sequential(torch.jit.script(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))), nn.Linear(4, 4))


SCRIPTED: dict[str, Callable[[], nn.Module]] = {
    "parameters": lambda: Scripted(scripted_linear, "weight", "bias"),
    "a buffer": lambda: Scripted(scripted_scale, "buffer"),
    "a list of inputs": lambda: Scripted(scripted_list, "weight", lists=True),
    "the device of an input": lambda: Scripted(scripted_ones_there),
    "a module with parameters and buffers": scripted_module,
}


@pytest.mark.parametrize("make", SCRIPTED.values(), ids=SCRIPTED)
def test_scripted_code_gets_tensors_on_the_gpu(make: Callable[[], nn.Module]) -> None:
    def build() -> tuple[nn.Module, tuple[Any, ...], dict[str, Any]]:
        return make().eval(), (torch.rand(2, 4),), {}

    report, expected = weightless(build, CUDA), real(build)
    assert report.error is None
    assert [(op.name, [operand.origin for operand in op.inputs]) for op in report.ops] == [
        (op.name, [operand.origin for operand in op.inputs]) for op in expected.ops
    ]
    assert report.totals.flops == expected.totals.flops
    assert [state.used for state in report.parameters] == [state.used for state in expected.parameters]


@pytest.mark.parametrize(
    "make",
    [lambda: Scripted(scripted_scale, "constant"), lambda: Scripted(scripted_ones_on_the_cpu)],
    ids=["an attribute", "made inside"],
)
def test_scripted_code_that_leaves_a_tensor_on_the_cpu_fails_as_on_a_gpu(make: Callable[[], nn.Module]) -> None:
    report = weightless(lambda: (make(), (torch.rand(2, 4),), {}), CUDA)
    assert report.error is not None
    assert "found at least two devices, cuda:0 and cpu" in report.error.message


def test_lint_finds_nothing_wrong_with_scripted_functions_on_parameters() -> None:
    found = lint(Scripted(scripted_linear, "weight", "bias"), torch.rand(2, 4), select=["MI502"])
    assert (found.findings, found.skipped) == ((), ())


def test_a_torch_that_can_not_run_as_if_on_a_gpu_is_said_to_be_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch._C, "_ensureCUDADeviceGuardSet", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RunError, match=r"torch .* can't run as if on a GPU where there is none"):
        inspect_target("modinspect.examples.MyModel", ["1,10"], device="weightless:cuda")
    found = lint(nn.Linear(3, 2), torch.ones(1, 3), select=["MI502"])
    assert [(skip.rule, "as if on a GPU" in skip.reason) for skip in found.skipped] == [("MI502", True)]


@pytest.mark.parametrize(("layer", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
def test_recurrent_layers_run_as_if_on_a_gpu(layer: str, gates: int) -> None:
    with without_memory() as replaced:
        model = getattr(nn, layer)(5, 7)
    report = trace(model, [torch.ones(3, 2, 5)], weightless=Weightless(torch.device("cuda", 0), replaced))
    assert report.error is None
    assert report.totals.estimated_flops == 3 * 2 * 2 * gates * (7 * 5 + 7 * 7)
    assert [output.shape for output in report.outputs] == [(3, 2, 7), (1, 2, 7)] + [(1, 2, 7)] * (layer == "LSTM")
