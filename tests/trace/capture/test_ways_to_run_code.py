"""Code that runs in other ways than line by line: compiled, scripted, checkpointed, mapped, in modes and threads of its own."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

import modinspect
from modinspect.report import Report
from modinspect.trace import trace
from modinspect.trace.capture.flops import has_formula
from tests.trace.trace_helpers import Calls, attributed, inspect_and_watch, lines, unregistered, without_detaches

X = torch.ones(2, 4)
LINEAR = "F.linear(input:0, param:fc.weight, param:fc.bias) -> (2, 4) flops=64"


def ran(function: Any, *args: Any, **registered: Any) -> list[str]:
    report = modinspect.inspect(Calls(function, **registered), *(args or (X,)))
    assert report.error is None, report.error
    return lines(report)


def linear() -> nn.Linear:
    return nn.Linear(4, 4)


class Scriptable(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = linear()

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.fc(x)) + 1


# -- compiled


def test_compiled_modules_run_uncompiled_so_that_their_inside_shows() -> None:
    report = modinspect.inspect(torch.compile(nn.Sequential(linear(), nn.ReLU()), backend="eager"), X)
    assert lines(report) == [
        "_orig_mod.0 F.linear(input:0, param:_orig_mod.0.weight, param:_orig_mod.0.bias) -> (2, 4) flops=64",
        "_orig_mod.1 F.relu(op:0) -> (2, 4)",
    ]
    assert report.model.notes == ("OptimizedModule is compiled: it ran uncompiled, so that its inside can be seen",)


def test_modules_compiled_in_place_and_compiled_functions() -> None:
    fc = linear()
    fc.compile(backend="eager")
    function = torch.compile(lambda x: x.relu() + 1, backend="eager")
    report = modinspect.inspect(Calls(lambda x: function(fc(x)), fc=fc), X)
    assert lines(report) == [
        f"fc {LINEAR}",
        ". hidden Tensor.relu(op:0) -> (2, 4)",
        ". hidden Tensor.add(op:1) -> (2, 4)",
    ]
    assert report.model.notes == ("fc is compiled: it ran uncompiled, so that its inside can be seen",)


def test_what_was_compiled_before_still_is_afterwards() -> None:
    compiled: list[str] = []

    def backend(graph: Any, inputs: Any) -> Any:
        compiled.append("once")
        return graph.forward

    model = torch.compile(linear(), backend=backend)
    modinspect.inspect(model, X)
    assert compiled == []
    model(X)
    assert compiled == ["once"]


COMPILES_IN_FORWARD = """
import torch
from torch import compile, nn
import modinspect

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)
    def forward(self, x):
        return compile(self.fc, backend="eager")(x) + torch.cond(x.sum() > 0, torch.sin, torch.cos, (x,))

import sys
assert "torch._dynamo" not in sys.modules
report = modinspect.inspect(Model(), torch.ones(2, 4))
assert report.error is None, report.error
print([op.name.rpartition(".")[2] for op in report.ops])
seen = []
torch.compile(lambda x: x + 1, backend=lambda graph, inputs: seen.append(1) or graph.forward)(torch.ones(2))
assert seen == [1], "compiling is switched off afterwards"
"""


@pytest.mark.process
def test_a_forward_that_is_the_first_to_compile_anything() -> None:
    done = subprocess.run([sys.executable, "-c", COMPILES_IN_FORWARD], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "['linear', 'sum', 'gt', 'cond', 'add']"


IMPORTS_THE_COMPILER = """
import sys
import torch
from torch import nn
from torch._C import DisableTorchFunction
import modinspect
from modinspect.trace import Weightless, trace, without_memory

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)
    def forward(self, x):
        with DisableTorchFunction():  # as what torch runs for an operator may be what imports it
            import torch._dynamo
        return self.fc(x)

assert "torch._dynamo" not in sys.modules
with without_memory() as aliases:
    model = Model()
given = Weightless(torch.device("cpu"), aliases) if "weightless" in sys.argv else None
report = trace(model if given else Model(), (torch.ones(2, 4),), weightless=given)
assert report.error is None, report.error
print([op.name for op in report.ops])
assert torch.compile(lambda x: x + 1, backend="eager")(torch.ones(2)).tolist() == [2.0, 2.0]
assert not [finder for finder in sys.meta_path if type(finder).__module__.startswith("modinspect")]
"""


@pytest.mark.process
@pytest.mark.parametrize("how", ["real", "weightless"])
def test_what_the_import_of_the_compiler_computes_is_no_part_of_the_forward(how: str) -> None:
    command = [sys.executable, "-c", IMPORTS_THE_COMPILER, how]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "['torch.nn.functional.linear']"


# -- scripted and traced


def test_scripted_modules_show_aten_operators_and_say_so() -> None:
    scripted = torch.jit.script(Scriptable())
    report = modinspect.inspect(Calls(lambda x: scripted(x) * 2, scripted=scripted), X)
    assert lines(report) == [
        "scripted hidden view torch.ops.aten.t(param:scripted.fc.weight) -> (4, 4)",
        "scripted hidden torch.ops.aten.addmm(param:scripted.fc.bias, input:0, op:0) -> (2, 4) flops=64",
        "scripted hidden torch.ops.aten.relu(op:1) -> (2, 4)",
        "scripted hidden torch.ops.aten.add.Scalar(op:2) -> (2, 4)",
        ". hidden Tensor.mul(op:3) -> (2, 4)",
    ]
    assert report.model.notes == ("scripted is a scripted or traced module: inside it only ATen operators can be seen",)
    assert report.totals.params == 20


@pytest.mark.parametrize("make", [torch.jit.script, lambda module: torch.jit.trace(module, X)])
def test_scripted_and_traced_modules_as_the_whole_model(make: Any) -> None:
    report = modinspect.inspect(make(nn.Sequential(linear(), nn.ReLU())), X)
    assert lines(report) == [
        ". hidden view torch.ops.aten.t(param:0.weight) -> (4, 4)",
        ". hidden torch.ops.aten.addmm(param:0.bias, input:0, op:0) -> (2, 4) flops=64",
        ". hidden torch.ops.aten.relu(op:1) -> (2, 4)",
    ]
    assert len(report.model.notes) == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_frozen_modules_have_no_mode_and_get_none(tmp_path: Path) -> None:
    frozen = torch.jit.freeze(torch.jit.script(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)).eval()))
    assert not hasattr(frozen, "training")
    assert ran(lambda x: frozen(x).relu(), fc=frozen)[-1].startswith(". hidden Tensor.relu(")
    assert modinspect.inspect(frozen, X).model.training is False
    assert not hasattr(frozen, "training")

    torch.jit.save(frozen, tmp_path / "frozen.pt")
    (tmp_path / "loads.py").write_text(f"import torch\nmodel = torch.jit.load({str(tmp_path / 'frozen.pt')!r})\n")
    target = f"{tmp_path / 'loads.py'}:model"
    assert modinspect.inspect_target(target, ["2,4"]).error is None
    assert modinspect.lint(frozen, ["2,4"]).failures == ()
    assert not hasattr(frozen, "training")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forward_that_traces_sees_no_look_at_sizes() -> None:
    kept = []

    def forward(x: Tensor) -> Tensor:
        kept.append(torch.jit.trace(fc, x))
        return kept[-1](x)

    fc = nn.Linear(4, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error", torch.jit.TracerWarning)
        report, seen = inspect_and_watch(Calls(forward, fc=fc), torch.rand(2, 4))
    assert report.error is None
    assert Report.from_dict(json.loads(json.dumps(report.to_dict()))) == report
    assert {result.shape for op in report.ops for result in op.outputs if op.module == "fc"} == {(2, 3)}
    assert without_detaches(attributed(report)) == without_detaches(seen)
    plain = torch.jit.trace(fc, torch.rand(2, 4)).inlined_graph
    assert [node.kind() for node in kept[0].inlined_graph.nodes()] == [node.kind() for node in plain.nodes()]


def test_scripted_functions() -> None:
    @torch.jit.script
    def shifted(x: Tensor) -> Tensor:
        return x.relu() + 1

    assert ran(shifted) == [
        ". hidden torch.ops.aten.relu(input:0) -> (2, 4)",
        ". hidden torch.ops.aten.add.Scalar(op:0) -> (2, 4)",
    ]


# -- autograd


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return (x @ weight).relu()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        return grads[0], None


def test_an_autograd_function_has_its_name_and_its_inside_shows() -> None:
    fc = linear()
    report = modinspect.inspect(Calls(lambda x: Doubled.apply(x, fc.weight) + 1, fc=fc), X)
    assert [line.replace(f"{__name__}.", "") for line in lines(report)] == [
        ". hidden Doubled.apply(input:0, param:fc.weight) -> (2, 4)",
        ". hidden Tensor.matmul(input:0, param:fc.weight) -> (2, 4) flops=64",
        ". hidden Tensor.relu(op:1) -> (2, 4)",
        ". hidden Tensor.add(op:0) -> (2, 4)",
    ]


def test_an_autograd_function_under_another_name_and_with_a_context_of_its_own() -> None:
    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(x: Tensor, by: float = 2.0) -> Tensor:
            return x * by

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            pass

        @staticmethod
        def backward(ctx: Any, *grads: Tensor) -> Any:
            return grads[0] * 2, None

    scaled = Scaled.apply
    report = modinspect.inspect(Calls(lambda x: scaled(x) + 0), X)
    assert [op.name.rpartition(".")[2] for op in report.ops] == ["apply", "mul", "add"]
    assert "Scaled" in report.ops[0].name
    x = torch.ones(2, requires_grad=True)
    scaled(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 2.0]


class Powered(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, by: float = 2.0) -> Tensor:
        return x.pow(by)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        x, ctx.by = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        return grads[0], None


class Redoubled(Doubled):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        return Doubled.forward(ctx, x, weight) + 1


class AsDoubled(Doubled):
    pass


KEPT = {kind: kind.apply for kind in (Powered, Doubled, Redoubled, AsDoubled)}


@pytest.mark.parametrize("kept", [True, False])
def test_the_context_of_an_autograd_function_gets_all_arguments_those_by_default_too(kept: bool) -> None:
    function = KEPT[Powered]
    report = modinspect.inspect(Calls(lambda x: (function if kept else Powered.apply)(x) + 1), X)
    assert report.error is None
    assert [op.name.rpartition(".")[2] for op in report.ops] == ["apply", "pow", "add"]


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("kind", [Doubled, Redoubled, AsDoubled])
def test_an_autograd_function_is_one_op_whatever_its_forward_calls(kind: Any, kept: bool) -> None:
    function = KEPT[kind]
    report = modinspect.inspect(Calls(lambda x: (function if kept else kind.apply)(x, x)), torch.ones(4, 4))
    assert report.error is None
    inside = ["matmul", "relu", "add"] if kind is Redoubled else ["matmul", "relu"]
    assert [op.name.rpartition(".")[2] for op in report.ops] == ["apply", *inside]
    assert report.ops[0].name == f"{__name__}.{kind.__name__}.apply"
    assert [operand.argument for operand in report.ops[0].inputs] == ["args.0", "args.1"]


def test_the_forward_of_an_autograd_function_that_is_called_as_a_function_is_no_op_of_its_own() -> None:
    report = modinspect.inspect(Calls(lambda x: Powered.forward(x).relu()), X)
    assert [op.name for op in report.ops] == ["torch.Tensor.pow", "torch.Tensor.relu"]


def test_an_autograd_function_made_in_forward_that_inherits_is_one_op() -> None:
    def forward(x: Tensor) -> Tensor:
        class Made(Powered):
            pass

        class MadeToo(Doubled):
            pass

        return MadeToo.apply(Made.apply(x), x)

    report = modinspect.inspect(Calls(forward), torch.ones(4, 4))
    assert report.error is None
    assert [op.name.rpartition(".")[2] for op in report.ops] == ["apply", "pow", "apply", "matmul", "relu"]


def test_an_inspection_in_a_thread_of_its_own() -> None:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(modinspect.inspect(nn.Sequential(linear(), nn.ReLU()), X)))
    thread.start()
    thread.join()
    assert [op.module for op in found[0].ops] == ["0", "1"]


def test_an_autograd_function_that_leaves_torch() -> None:
    class Outside(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return torch.from_numpy(x.numpy() * 2)

        @staticmethod
        def backward(ctx: Any, *grads: Tensor) -> Any:
            return grads[0]

    report = modinspect.inspect(Calls(Outside.apply), X)
    assert [(op.name.rpartition(".")[2], op.kind) for op in report.ops] == [("apply", "compute"), ("numpy", "read")]
    assert report.outputs[0].origin == "op:0"


def test_gradients_inside_forward_are_ops_each_with_the_work_of_its_own_graph() -> None:
    def forward(x: Tensor) -> Tensor:
        x = x.detach().requires_grad_()
        small, large = x.sum(), (fc(fc(x))).sum()
        a = torch.autograd.grad(small, x)[0]
        b = torch.autograd.grad(large, x)[0]
        return a + b

    fc = linear()
    report = trace(Calls(forward, fc=fc), (X,), grad=True)
    assert report.error is None
    assert [(op.name, op.flops) for op in report.ops if "grad" in op.name] == [
        ("torch.autograd.grad", 0),
        ("torch.autograd.grad", 2 * 64),
    ]


def test_backward_inside_forward_computes() -> None:
    fc = linear()
    report = trace(Calls(lambda x: fc(x).sum().backward(), fc=fc), (X,), grad=True)
    assert lines(report)[-1] == ". hidden Tensor.backward(op:1) -> - flops=64"


@pytest.mark.parametrize("reentrant", [False, True])
@pytest.mark.parametrize("grad", [False, True])
def test_checkpointed_code_shows(reentrant: bool, grad: bool) -> None:
    fc = linear()
    model = Calls(lambda x: checkpoint(lambda y: fc(y) * 2, x, use_reentrant=reentrant), fc=fc)
    report = trace(model, (torch.ones(2, 4, requires_grad=True),), grad=grad)
    found = lines(report)
    if not reentrant and found[0].endswith(
        "torch.empty() -> (0,)"
    ):  # up to torch 2.9 at least, it keeps its notes in two tensors
        found = [line.replace("op:2", "op:0") for line in found[2:]]
    assert found == [f"fc {LINEAR}", ". hidden Tensor.mul(op:0) -> (2, 4)"]


def test_an_autograd_function_made_in_forward_keeps_its_own_backward() -> None:
    made: list[Any] = []

    def body(x: Tensor) -> Tensor:
        class Double(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Tensor) -> Tensor:
                return x * 2

            @staticmethod
            def backward(ctx: Any, gradient: Tensor) -> Tensor:
                return gradient * 3

        made.append(Double)
        apply = Double.apply
        return Double.apply(x) + apply(x)

    report = modinspect.inspect(Calls(body), X)
    assert report.error is None
    assert [op.name.rpartition("<locals>.")[2] for op in report.ops if op.name.endswith("apply")] == ["Double.apply"] * 2
    [double] = made
    assert vars(double)["_backward_cls"]._forward_cls is double
    x = torch.ones(2, requires_grad=True)
    double.apply(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [3, 3]


# -- transforms


def test_functional_call_uses_what_it_was_given() -> None:
    fc, weight = linear(), nn.Parameter(torch.ones(4, 4))
    report = modinspect.inspect(
        Calls(lambda x: functional_call(fc, {"weight": weight, "bias": fc.bias * 2}, (x,)), fc=fc, weight=weight), X
    )
    assert lines(report) == [
        ". hidden Tensor.mul(param:fc.bias) -> (4,)",
        "fc F.linear(input:0, param:weight, op:0) -> (2, 4) flops=64",
    ]
    assert {state.name: state.used for state in report.parameters} == {"fc.weight": False, "fc.bias": True, "weight": True}


def test_functional_call_with_a_weight_made_in_forward() -> None:
    fc = linear()
    report = modinspect.inspect(Calls(lambda x: functional_call(fc, {"weight": torch.ones(4, 4)}, (x,)), fc=fc), X)
    assert lines(report)[1] == "fc F.linear(input:0, unregistered:0, param:fc.bias) -> (2, 4) flops=64"
    assert unregistered(report) == ["weight tensor torch.ones (4, 4) params=0"]


def test_functional_call_of_a_model_that_nobody_registered() -> None:
    inner = linear()
    params = {name: parameter.detach().clone() for name, parameter in inner.named_parameters()}
    report = modinspect.inspect(Calls(lambda x: functional_call(inner, params, (x,))), X)
    assert lines(report) == ["inner hidden F.linear(input:0, unregistered:0, unregistered:0) -> (2, 4) flops=64"]


class Skeleton(nn.Module):
    """Runs ``body`` on weights of its own (3 stacked sets, 4x4 each) by a module whose parameters are not used."""

    def __init__(self, body: Callable[..., Any], *, registered: bool) -> None:
        super().__init__()
        self.stacked = nn.Parameter(torch.rand(3, 4, 4))
        self.bias = nn.Parameter(torch.rand(3, 4))
        self.held = [linear()]
        if registered:
            self.skeleton = self.held[0]
        self.body = body

    def forward(self, x: Tensor) -> Any:
        skeleton = self.held[0]
        return self.body(
            lambda weight, bias, x: functional_call(skeleton, {"weight": weight, "bias": bias}, (x,)),
            self.stacked,
            self.bias,
            x,
        )


# (what runs, FLOPs): one call of the layer is 2*4*4*2 = 64 for two rows, and its gradient by the weight 64 more
TRANSFORMS: dict[str, tuple[Callable[..., Any], int]] = {
    "vmap": (lambda call, w, b, x: vmap(call, in_dims=(0, 0, None))(w, b, x), 3 * 64),
    "vmap of grad": (lambda call, w, b, x: vmap(grad(lambda *a: call(*a).sum()), in_dims=(0, 0, None))(w, b, x), 3 * 128),
    "vmap of vmap": (
        lambda call, w, b, x: vmap(vmap(call, in_dims=(None, None, 0)), in_dims=(0, 0, None))(w, b, x),
        3 * 64,
    ),
}


@pytest.mark.parametrize("registered", [False, True], ids=["unregistered", "registered"])
@pytest.mark.parametrize(("body", "flops"), TRANSFORMS.values(), ids=TRANSFORMS)
def test_a_skeleton_under_transforms_uses_the_weights_it_was_given(body: Any, flops: int, registered: bool) -> None:
    report = modinspect.inspect(Skeleton(body, registered=registered), X)
    assert report.error is None
    [call] = [op for op in report.ops if op.name == "torch.nn.functional.linear"]
    assert [operand.origin for operand in call.inputs] == ["input:0", "param:stacked", "param:bias"]
    assert report.totals.flops == flops
    used = {state.name: state.used for state in report.parameters}
    assert (used["stacked"], used["bias"]) == (True, True)
    assert not any(used[name] for name in used.keys() - {"stacked", "bias"})
    assert unregistered(report) == ([] if registered else ["attribute module held[0] None params=0"])
    assert report.totals.params == 48 + 12 + (20 if registered else 0)


def test_per_sample_gradients_use_the_models_own_parameters() -> None:
    def body(x: Tensor) -> Any:
        parameters = dict(fc.named_parameters())
        return vmap(grad(lambda p, row: functional_call(fc, p, (row,)).sum()), in_dims=(None, 0))(parameters, x)

    fc = linear()
    report = modinspect.inspect(Calls(body, fc=fc), X)
    assert lines(report)[0].startswith("fc F.linear(input:0, param:fc.weight, param:fc.bias) -> (4,)")
    assert {state.name: state.used for state in report.parameters} == {"fc.weight": True, "fc.bias": True}
    assert report.unregistered == ()


def test_an_ensemble_as_torch_documents_it() -> None:
    models = nn.ModuleList([linear(), linear(), linear()])
    skeleton = [copy.deepcopy(models[0]).to("meta")]

    def body(x: Tensor) -> Any:
        parameters, buffers = stack_module_state(list(models))
        run = vmap(lambda p, b, x: functional_call(skeleton[0], (p, b), (x,)), in_dims=(0, 0, None))
        return run(parameters, buffers, x)

    report = modinspect.inspect(Calls(body, models=models), X)
    assert report.error is None
    assert all(state.used for state in report.parameters)
    assert [(use.class_name, use.params) for use in report.unregistered] == [("Linear", 0)]
    assert report.totals.flops == 3 * 64


def test_vmap_shows_what_runs_for_one_and_counts_what_runs_for_all() -> None:
    fc = linear()
    assert ran(lambda x: torch.vmap(lambda row: fc(row) * 2)(x).sum(), fc=fc) == [
        "fc F.linear(input:0, param:fc.weight, param:fc.bias) -> (4,) flops=64",
        ". hidden Tensor.mul(op:0) -> (4,)",
        ". hidden Tensor.sum(op:1) -> ()",
    ]


def test_torch_func_gradients() -> None:
    fc = linear()
    found = ran(lambda x: torch.func.grad(lambda row: fc(row).sum())(x[0]) + 1, fc=fc)
    assert found == [
        ". hidden view Tensor.__getitem__(input:0) -> (4,)",
        "fc F.linear(op:0, param:fc.weight, param:fc.bias) -> (4,) flops=32",
        ". hidden Tensor.sum(op:1) -> ()",
        ". hidden torch.autograd.grad(op:2, op:0) -> (4,) flops=32",
        ". hidden Tensor.add(op:3) -> (4,)",
    ]


def test_cond_shows_what_the_branch_that_ran_became() -> None:
    fc = linear()
    report = modinspect.inspect(Calls(lambda x: torch.cond(x.sum() > 0, lambda y: fc(y) + 0, torch.cos, (x,)), fc=fc), X)
    assert report.error is None
    assert [op.name for op in report.ops] == ["torch.Tensor.sum", "torch.Tensor.gt", "torch.ops.higher_order.cond"]
    assert report.ops[2].aten == ("aten.t.default", "aten.addmm.default", "aten.add.Tensor")
    assert report.totals.flops == 64


def test_an_operator_that_is_imported_after_modinspect_runs() -> None:
    from functorch.experimental.control_flow import map as mapped

    report = modinspect.inspect(Calls(lambda x: mapped(lambda row: row * 2, x)), X)
    assert report.error is None
    assert [op.name for op in report.ops] == ["torch.ops.higher_order.map_impl"]


# -- modes


class PassesFunctions(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


class PassesOperators(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


class AddsForMul(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten.mul.Tensor:
            return torch.ops.aten.add.Tensor(*args)
        return func(*args, **(kwargs or {}))


@contextmanager
def default_device(device: str) -> Iterator[None]:
    torch.set_default_device(device)
    try:
        yield
    finally:
        torch.set_default_device(None)
        del torch._GLOBAL_DEVICE_CONTEXT.device_context  # up to 2.9 at least, torch can't read that there is none


@pytest.mark.parametrize(
    "mode",
    [
        PassesFunctions,
        PassesOperators,
        torch.inference_mode,
        torch.enable_grad,
        lambda: torch.device("cpu"),
        lambda: default_device("cpu"),
        lambda: torch.autocast("cpu", enabled=False),
        lambda: torch.autograd.graph.saved_tensors_hooks(lambda x: x, lambda x: x),
        lambda: torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
    ],
)
def test_a_forward_that_pushes_a_mode_of_its_own(mode: Any) -> None:
    fc = linear()

    def forward(x: Tensor) -> Tensor:
        with mode():
            x = fc(x).relu()
        return x + 1

    assert ran(forward, fc=fc) == [
        f"fc {LINEAR}",
        ". hidden Tensor.relu(op:0) -> (2, 4)",
        ". hidden Tensor.add(op:1) -> (2, 4)",
    ]


def test_what_a_mode_of_the_models_changes_is_not_believed_outside_of_it() -> None:
    def forward(x: Tensor) -> Tensor:
        with AddsForMul():
            y = x * x
        return y * y

    report = modinspect.inspect(Calls(forward), X)
    assert [op.aten for op in report.ops] == [("aten.add.Tensor",), ("aten.mul.Tensor",)]


def test_autocast_shows_the_casts_in_what_an_op_became() -> None:
    fc = linear()

    def forward(x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return fc(x)

    report = modinspect.inspect(Calls(forward, fc=fc), X)
    assert report.ops[0].aten == ("aten._to_copy.default",) * 3 + ("aten.t.default", "aten.addmm.default")
    assert (report.outputs[0].dtype, report.totals.flops) == ("bfloat16", 64)


def test_an_inspection_inside_the_users_modes() -> None:
    with torch.inference_mode(), torch.device("cpu"), PassesFunctions(), PassesOperators():
        report = modinspect.inspect(nn.Sequential(linear(), nn.BatchNorm1d(4)).train(), X)
    assert [op.name.rpartition(".")[2] for op in report.ops] == ["linear", "add_", "batch_norm"]


def test_attention_is_looked_at_anew_when_its_backend_changes() -> None:
    from torch.nn.attention import SDPBackend, sdpa_kernel

    def forward(q: Tensor) -> Tensor:
        for backend in (SDPBackend.FLASH_ATTENTION, SDPBackend.MATH):
            with sdpa_kernel(backend):
                q = F.scaled_dot_product_attention(q, q, q)
        return q

    report = modinspect.inspect(Calls(forward), torch.ones(1, 2, 3, 4))
    # 2 heads, 3x3 scores of 4 features, 3x4 values of 3. Flash attention on the CPU has a formula since torch 2.15; its twin's
    # counts the same.
    once = 2 * 2 * (3 * 3 * 4 + 3 * 4 * 3)
    counted = has_formula(torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default)
    assert [op.flops for op in report.ops] == [once if counted else None, once]
    assert report.totals.estimated_flops == 2 * once


# -- threads


def test_ops_in_another_thread_run_and_are_said_to_be_unseen() -> None:
    fc = linear()

    def forward(x: Tensor) -> Tensor:
        results: list[Tensor] = []
        thread = threading.Thread(target=lambda: results.append(fc(x) * 2))
        thread.start()
        thread.join()
        return fc(x) + results[0]

    model = Calls(forward, fc=fc)
    report = modinspect.inspect(model, X)
    assert lines(report) == [f"fc {LINEAR}", ". hidden Tensor.add(op:0, ?) -> (2, 4)"]
    assert report.model.notes == ("fc ran in another thread: its ops can't be seen there",)
    assert report.modules[1].calls == 1


def test_another_thread_works_undisturbed_while_a_model_is_inspected() -> None:
    """Its modules are none of the model's: they are not recorded, and an inspection of its own waits for its turn."""
    began, go_on, done = threading.Event(), threading.Event(), []

    def forward(x: Tensor) -> Tensor:
        began.set()
        assert go_on.wait(10)
        return x + 1

    def work() -> None:
        assert began.wait(10)
        done.append(nn.Linear(4, 4)(X).relu())
        go_on.set()
        done.append(modinspect.inspect(nn.ReLU(), X))

    thread = threading.Thread(target=work)
    thread.start()
    report = modinspect.inspect(Calls(forward), X)
    thread.join()
    assert lines(report) == [". hidden Tensor.add(input:0) -> (2, 4)"]
    assert report.model.notes == ()
    assert lines(done[1]) == [". F.relu(input:0) -> (2, 4)"]
