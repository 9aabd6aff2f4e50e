"""Which module owns what runs: reuse, re-entry, recursion, unregistered modules, hooks and other ways to be called."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import prune, spectral_norm, weight_norm

import modinspect
from modinspect.report import ModuleInfo, Report
from modinspect.trace import survey, trace
from tests.trace.trace_helpers import Calls, calls, lines, unregistered

X = torch.ones(2, 4)
FLOPS = 2 * 2 * 4 * 4  # of a linear layer from 4 features to 4 on 2 rows


def linear() -> nn.Linear:
    return nn.Linear(4, 4)


def module(report: Report, path: str) -> ModuleInfo:
    (found,) = [info for info in report.modules if info.path == path]
    return found


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = linear()

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x).relu()


def test_a_module_that_is_reused_counts_its_calls_and_its_parameters_once() -> None:
    fc, act = linear(), nn.ReLU()
    report = modinspect.inspect(Calls(lambda x: fc(act(fc(x))), fc=fc, act=act), X)
    assert lines(report) == [
        "fc F.linear(input:0, param:fc.weight, param:fc.bias) -> (2, 4) flops=64",
        "act F.relu(op:0) -> (2, 4)",
        "fc#1 F.linear(op:1, param:fc.weight, param:fc.bias) -> (2, 4) flops=64",
    ]
    assert calls(report) == [".#0 [0:3]", ". > fc#0 [0:1]", ". > act#0 [1:2]", ". > fc#1 [2:3]"]
    assert (module(report, "fc").calls, module(report, "fc").params, module(report, "fc").flops) == (2, 20, 2 * FLOPS)
    assert (report.totals.params, report.totals.flops, report.totals.hidden_ops) == (20, 2 * FLOPS, 0)


def test_a_module_that_calls_itself_again_keeps_its_calls_apart() -> None:
    class Again(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = linear()

        def forward(self, x: Tensor, times: int = 2) -> Tensor:
            x = self.fc(x)
            if times:
                x = self(x, times - 1)
            return x.relu()

    report = modinspect.inspect(Again(), X)
    assert lines(report) == [
        "fc F.linear(input:0, param:fc.weight, param:fc.bias) -> (2, 4) flops=64",
        "fc#1 F.linear(op:0, param:fc.weight, param:fc.bias) -> (2, 4) flops=64",
        "fc#2 F.linear(op:1, param:fc.weight, param:fc.bias) -> (2, 4) flops=64",
        ".#2 hidden Tensor.relu(op:2) -> (2, 4)",
        ".#1 hidden Tensor.relu(op:3) -> (2, 4)",
        ". hidden Tensor.relu(op:4) -> (2, 4)",
    ]
    assert calls(report) == [
        ".#0 [0:6]",
        ". > fc#0 [0:1]",
        ". > .#1 [1:5]",
        ". > fc#1 [1:2]",
        ". > .#2 [2:4]",
        ". > fc#2 [2:3]",
    ]
    assert [call.parent for call in report.calls] == [None, 0, 0, 2, 2, 4]
    assert (module(report, "").calls, module(report, "").flops) == (3, 3 * FLOPS)


def test_modules_that_call_each_other() -> None:
    class Half(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = linear()
            self.others: list[nn.Module] = []

        def forward(self, x: Tensor, times: int) -> Tensor:
            return self.others[0](self.fc(x), times - 1) if times else x

    first, second = Half(), Half()
    first.others, second.others = [second], [first]
    report = modinspect.inspect(first, X, 3)
    assert calls(report) == [
        ".#0 [0:3]",
        ". > fc#0 [0:1]",
        ". > others[0]#0 [1:3]",
        "others[0] > others[0].fc#0 [1:2]",
        "others[0] > .#1 [2:3]",
        ". > fc#1 [2:3]",
        ". > others[0]#1 [3:3]",
    ]
    assert unregistered(report) == ["attribute module others[0] None params=20"]


def test_modules_that_register_each_other() -> None:
    class Half(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = linear()
            self.other: nn.Module | None = None

        def forward(self, x: Tensor, times: int) -> Tensor:
            assert self.other is not None
            return self.other(self.fc(x), times - 1) if times else x

    first, second = Half(), Half()
    first.other, second.other = second, first
    report = modinspect.inspect(first, X, 3)
    assert [op.module for op in report.ops] == ["fc", "other.fc", "fc"]
    assert [info.params for info in report.modules] == [40, 20, 40, 20]
    assert module(report, "").aliases == ("other.other",)


def test_a_module_under_two_names_is_one_module() -> None:
    fc = linear()
    model = Calls(lambda x: model.b(model.a(x)), a=fc, b=fc)
    report = modinspect.inspect(model, X)
    assert [op.module for op in report.ops] == ["a", "a"]
    assert (module(report, "a").aliases, module(report, "a").calls) == (("b",), 2)
    assert [(state.name, state.aliases) for state in report.parameters] == [
        ("a.weight", ("b.weight",)),
        ("a.bias", ("b.bias",)),
    ]
    assert report.totals.params == 20


def test_tied_weights_count_once_and_say_so() -> None:
    model = Calls(lambda ids: model.out(model.emb(ids)), emb=nn.Embedding(7, 4), out=nn.Linear(4, 7, bias=False))
    model.out.weight = model.emb.weight
    report = modinspect.inspect(model, torch.tensor([[1, 2]]))
    assert lines(report) == [
        "emb F.embedding(input:0, param:emb.weight) -> (1, 2, 4)",
        "out F.linear(op:0, param:emb.weight) -> (1, 2, 7) flops=112",
    ]
    assert (report.totals.params, module(report, "emb").params, module(report, "out").params) == (28, 28, 28)
    assert [(state.name, state.aliases, state.numel) for state in report.parameters] == [("emb.weight", ("out.weight",), 28)]


def test_forward_called_directly_runs_for_whoever_called_it() -> None:
    fc = linear()
    report = modinspect.inspect(Calls(fc.forward, fc=fc), X)
    assert lines(report) == [". hidden F.linear(input:0, param:fc.weight, param:fc.bias) -> (2, 4) flops=64"]
    assert module(report, "fc").calls == 0
    assert all(state.used for state in report.parameters)


def test_modules_in_plain_lists_dicts_and_objects_are_unregistered() -> None:
    class Helper:
        def __init__(self) -> None:
            self.fc = linear()

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = [linear(), nn.Sequential(linear(), nn.ReLU())]
            self.named = {"k": linear()}
            self.helper = Helper()

        def forward(self, x: Tensor) -> Tensor:
            return self.helper.fc(self.named["k"](self.layers[1](self.layers[0](x))))

    report = modinspect.inspect(Model(), X)
    assert lines(report) == [
        "layers[0] hidden F.linear(input:0, unregistered:0, unregistered:0) -> (2, 4) flops=64",
        "layers[1].0 hidden F.linear(op:0, unregistered:1, unregistered:1) -> (2, 4) flops=64",
        "layers[1].1 hidden F.relu(op:1) -> (2, 4)",
        "named['k'] hidden F.linear(op:2, unregistered:2, unregistered:2) -> (2, 4) flops=64",
        "helper.fc hidden F.linear(op:3, unregistered:3, unregistered:3) -> (2, 4) flops=64",
    ]
    assert unregistered(report) == [
        "attribute module layers[0] None params=20",
        "attribute module layers[1] None params=20",
        "attribute module named['k'] None params=20",
        "attribute module helper.fc None params=20",
    ]
    assert [(info.path, info.registered) for info in report.modules][1:3] == [("layers[0]", False), ("layers[1]", False)]
    assert (report.totals.params, report.totals.hidden_flops) == (0, 4 * FLOPS)


def test_modules_made_in_forward_are_unregistered() -> None:
    report = modinspect.inspect(Calls(lambda x: nn.Linear(4, 4)(nn.Softmax(-1)(nn.Softmax(-1)(x)))), X)
    assert lines(report)[-3:] == [
        "<Softmax> hidden F.softmax(input:0) -> (2, 4)",
        f"<Softmax>#2 hidden F.softmax(op:{len(report.ops) - 3}) -> (2, 4)",
        f"<Linear> hidden F.linear(op:{len(report.ops) - 2}, unregistered:2, unregistered:2) -> (2, 4) flops=64",
    ]
    assert unregistered(report) == [
        "forward module <Softmax> None params=0",
        "forward module <Softmax>#2 None params=0",
        "forward module <Linear> None params=20",
    ]


def test_each_module_made_in_forward_is_another_one_though_it_may_take_the_place_of_one_that_is_gone() -> None:
    def forward(x: Tensor) -> Tensor:
        for _ in range(50):
            x = nn.ReLU()(x)
        return x

    report = modinspect.inspect(Calls(forward), X)
    made = [info for info in report.modules if not info.registered]
    assert [info.path for info in made] == ["<ReLU>", *(f"<ReLU>#{number}" for number in range(2, 51))]
    assert {info.calls for info in made} == {1}


def test_what_a_forward_registers_itself_is_registered() -> None:
    class Grows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale: nn.Parameter | None = None

        def forward(self, x: Tensor) -> Tensor:
            if self.scale is None:
                self.scale = nn.Parameter(torch.zeros(x.shape[1]))
                self.register_buffer("shift", torch.zeros(1))
                self.body = nn.Sequential(nn.Linear(x.shape[1], 3))
            return self.body(x * self.scale + self.shift)

    model = nn.Sequential(Grows())
    report = modinspect.inspect(model, X)
    assert report.error is None
    assert lines(report)[-3:] == [
        "0 hidden Tensor.mul(input:0, param:0.scale) -> (2, 4)",
        f"0 hidden Tensor.add(op:{len(report.ops) - 3}, op:1) -> (2, 4)",
        f"0.body.0 F.linear(op:{len(report.ops) - 2}, param:0.body.0.weight, param:0.body.0.bias) -> (2, 3) flops=48",
    ]
    assert unregistered(report) == []
    assert report.totals.params == 4 + 4 * 3 + 3
    assert [(info.path, info.registered, info.calls) for info in report.modules] == [
        ("", True, 1),
        ("0", True, 1),
        ("0.body", True, 1),
        ("0.body.0", True, 1),
    ]
    assert {state.name: state.used for state in report.parameters} == {
        "0.scale": True,
        "0.body.0.weight": True,
        "0.body.0.bias": True,
    }
    assert list(model.parameters()) == []


def test_a_thousand_levels_of_nesting() -> None:
    model: nn.Module = linear()
    for _ in range(1000):
        model = nn.Sequential(model)
    report = modinspect.inspect(model, X)
    assert report.error is None
    assert (len(report.calls), len(report.ops), len(report.modules)) == (1001, 1, 1001)
    assert report.ops[0].module == ".".join(["0"] * 1000)
    assert {info.params for info in report.modules} == {20}


def test_hooks_of_the_user_run_for_the_module_that_they_are_on() -> None:
    model = Calls(lambda x: model.fc(x) * 2, fc=linear())
    model.fc.register_forward_pre_hook(lambda module, args: (args[0] + 1,))
    model.fc.register_forward_hook(lambda module, args, output: output.neg())
    model.register_forward_pre_hook(lambda module, args: (args[0] - 1,))
    model.register_forward_hook(lambda module, args, output: {"y": output.exp()})
    report = modinspect.inspect(model, X)
    assert lines(report) == [
        ". hidden Tensor.sub(input:0) -> (2, 4)",
        "fc hidden Tensor.add(op:0) -> (2, 4)",
        "fc hidden F.linear(op:1, param:fc.weight, param:fc.bias) -> (2, 4) flops=64",
        "fc hidden Tensor.neg(op:2) -> (2, 4)",
        ". hidden Tensor.mul(op:3) -> (2, 4)",
        ". hidden Tensor.exp(op:4) -> (2, 4)",
    ]
    assert [(output.path, output.origin) for output in report.calls[1].outputs] == [("", "op:3")]
    assert [(output.path, output.origin) for output in report.outputs] == [("y", "op:5")]


def test_a_module_that_a_hook_runs_has_a_row_of_its_own() -> None:
    class Adapted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.adapter = linear(), linear()
            self.fc.register_forward_hook(self.adapt)

        def adapt(self, module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
            return output + self.adapter(args[0])  # the hook

        def forward(self, x: Tensor) -> Any:
            return self.fc(x)

    report = modinspect.inspect(Adapted(), X)
    assert lines(report) == [
        "fc hidden F.linear(input:0, param:fc.weight, param:fc.bias) -> (2, 4) flops=64",
        "adapter F.linear(input:0, param:adapter.weight, param:adapter.bias) -> (2, 4) flops=64",
        "fc hidden Tensor.add(op:0, op:1) -> (2, 4)",
    ]
    sources = [op.source.code for op in report.ops if op.source is not None]
    assert sources[1:] == ["return output + self.adapter(args[0])  # the hook"] * 2
    assert [(info.path, info.layer) for info in report.modules] == [("", False), ("fc", False), ("adapter", True)]


class AddOne(nn.Module):
    def forward(self, module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        return output + 1


HOOKS_OF_USERS: dict[str, Any] = {
    "a function": lambda module, args, output: output + 1,
    "a partial": functools.partial(lambda by, module, args, output: output + by, 1),
    "a module": AddOne(),
    "a method": AddOne().forward,
}


@pytest.mark.parametrize("hook", HOOKS_OF_USERS.values(), ids=HOOKS_OF_USERS)
def test_a_layer_with_a_hook_of_the_users_is_not_a_layer(hook: Any) -> None:
    model = nn.Sequential(linear())
    handle = model[0].register_forward_hook(hook)
    report = modinspect.inspect(model, X)
    assert not report.modules[1].layer
    assert report.totals.hidden_ops == len(report.ops) == 2
    handle.remove()
    again = modinspect.inspect(model, X)
    assert again.modules[1].layer
    assert again.totals.hidden_ops == 0


class PruneFirst(prune.BasePruningMethod):
    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return torch.zeros_like(default_mask)


HOOKS_OF_TORCH: dict[str, Callable[[nn.Module], object]] = {
    "weight_norm": weight_norm,
    "spectral_norm": spectral_norm,
    "pruning": lambda module: prune.l1_unstructured(module, "weight", 0.5),
    "pruning with a method of the user's": lambda module: PruneFirst.apply(module, "weight"),
}


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
@pytest.mark.parametrize("add", HOOKS_OF_TORCH.values(), ids=HOOKS_OF_TORCH)
def test_hooks_of_torchs_own_stay_inside_the_layer(add: Callable[[nn.Module], object]) -> None:
    model = nn.Sequential(linear())
    add(model[0])
    assert model[0]._forward_pre_hooks
    report = modinspect.inspect(model, X)
    assert report.modules[1].layer
    assert report.totals.hidden_ops == 0
    assert {op.module for op in report.ops} == {"0"}


def test_a_class_that_overrides_call() -> None:
    class Around(nn.Linear):
        def __call__(self, x: Tensor) -> Any:
            return super().__call__(x + 1) * 2

    class Instead(nn.Linear):
        def __call__(self, x: Tensor) -> Any:
            return F.linear(x, self.weight)

    model = Calls(lambda x: model.instead(model.around(x)), around=Around(4, 4), instead=Instead(4, 4))
    report = modinspect.inspect(model, X)
    assert lines(report) == [
        ". hidden Tensor.add(input:0) -> (2, 4)",
        "around F.linear(op:0, param:around.weight, param:around.bias) -> (2, 4) flops=64",
        ". hidden Tensor.mul(op:1) -> (2, 4)",
        ". hidden F.linear(op:2, param:instead.weight) -> (2, 4) flops=64",
    ]


def test_what_the_models_own_call_does_around_its_forward_lies_in_its_one_call() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Any:
            return x.exp()

        def __call__(self, x: Tensor) -> Any:
            return super().__call__(self.fc(x + 1)) * 2

    report = modinspect.inspect(Model(), X)
    assert lines(report) == [
        ". hidden Tensor.add(input:0) -> (2, 4)",
        "fc F.linear(op:0, param:fc.weight, param:fc.bias) -> (2, 4) flops=64",
        ". hidden Tensor.exp(op:1) -> (2, 4)",
        ". hidden Tensor.mul(op:2) -> (2, 4)",
    ]
    assert calls(report) == [".#0 [0:4]", ". > fc#0 [1:2]"]
    assert [(tensor.shape, tensor.origin) for tensor in report.calls[0].inputs] == [((2, 4), "op:1")]


def test_a_subclass_with_its_own_forward_is_no_layer() -> None:
    class Own(nn.Linear):
        def forward(self, input: Tensor) -> Tensor:
            return super().forward(input) + 1

    class Same(nn.Linear):
        pass

    report = modinspect.inspect(nn.Sequential(Own(4, 4), Same(4, 4)), X)
    assert [(op.module, op.hidden) for op in report.ops] == [("0", True), ("0", True), ("1", False)]
    assert [info.layer for info in report.modules] == [False, False, True]


def test_opaque_classes_count_as_layers_with_all_that_is_in_them() -> None:
    report = trace(nn.Sequential(Block(), nn.ReLU()), (X,), opaque=("*test_modules_that_run.Bl*",))
    assert [(op.module, op.hidden) for op in report.ops] == [("0.fc", False), ("0", False), ("1", False)]
    assert module(report, "0").layer


def test_what_an_opaque_module_shares_with_others_is_opaque_inside_of_it_alone() -> None:
    class Twice(nn.Module):
        def forward(self, weight: Tensor) -> Tensor:
            return weight * 2

    class Shares(nn.Module):
        def __init__(self, shared: nn.Module) -> None:
            super().__init__()
            self.shared = shared

        def forward(self, x: Tensor) -> Any:
            return self.shared(x)

    shared = nn.Linear(4, 4)
    nn.utils.parametrize.register_parametrization(shared, "weight", Twice())
    report = trace(nn.Sequential(Shares(shared), shared), (X,), opaque=("*.Shares",))
    assert [(op.name.rpartition(".")[2], op.call, op.hidden) for op in report.ops] == [
        ("mul", 0, False),
        ("linear", 0, False),
        ("mul", 1, True),
        ("linear", 1, False),
    ]


def test_a_graph_module_runs_its_own_code() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = linear()
            self.scale = nn.Parameter(torch.ones(4))

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(x).relu() * self.scale

    report = modinspect.inspect(torch.fx.symbolic_trace(Model()), X)
    assert [(op.name.rpartition(".")[2], op.module) for op in report.ops] == [("linear", "fc"), ("relu", ""), ("mul", "")]
    assert report.ops[2].inputs[1].origin == "param:scale"


def test_data_parallel_on_the_cpu_runs_its_module() -> None:
    report = modinspect.inspect(nn.DataParallel(nn.Sequential(linear())), X)
    assert lines(report) == ["module.0 F.linear(input:0, param:module.0.weight, param:module.0.bias) -> (2, 4) flops=64"]


def test_a_model_without_parameters() -> None:
    report = modinspect.inspect(nn.ReLU(), X)
    assert lines(report) == [". F.relu(input:0) -> (2, 4)"]
    assert (report.totals.params, report.totals.param_bytes, report.model.device) == (0, 0, "cpu")


def test_a_layer_as_the_whole_model() -> None:
    report = modinspect.inspect(linear(), X)
    assert lines(report) == [". F.linear(input:0, param:weight, param:bias) -> (2, 4) flops=64"]
    assert module(report, "").output_shapes == ((2, 4),)


def test_modules_that_never_ran_and_parameters_that_nothing_used() -> None:
    model = Calls(lambda x: F.linear(x, model.by_hand.weight), by_hand=linear(), unused=linear())
    report = modinspect.inspect(model, X)
    assert [info.calls for info in report.modules] == [1, 0, 0]
    used = {state.name: state.used for state in report.parameters}
    assert used == {"by_hand.weight": True, "by_hand.bias": False, "unused.weight": False, "unused.bias": False}


def test_frozen_parameters_are_told_from_trainable_ones() -> None:
    model = nn.Sequential(linear(), linear())
    model[0].requires_grad_(False)
    report = modinspect.inspect(model, X)
    assert [info.trainable_params for info in report.modules] == [20, 0, 20]
    assert (report.totals.params, report.totals.trainable_params, report.totals.param_bytes) == (40, 20, 160)


def test_parameters_on_several_devices() -> None:
    here = linear()
    report = modinspect.inspect(Calls(lambda x: here(x) + 0, here=here, there=nn.Linear(4, 4, device="meta")), X)
    assert report.model.device == "cpu, meta"
    assert [state.device for state in report.parameters] == ["cpu", "cpu", "meta", "meta"]
    assert report.totals.params == 40


def test_the_registered_half_alone() -> None:
    report = survey(nn.Sequential(linear(), Block()), notes=("no input",))
    assert not report.ran
    assert [(info.path, info.params, info.calls) for info in report.modules] == [
        ("", 40, 0),
        ("0", 20, 0),
        ("1", 20, 0),
        ("1.fc", 20, 0),
    ]
    assert [state.used for state in report.parameters] == [None] * 4
    assert report.model.notes == ("no input",)


def test_an_inspection_inside_an_inspection_is_refused() -> None:
    def forward(x: Tensor) -> Tensor:
        modinspect.inspect(linear(), x)
        return x

    report = modinspect.inspect(Calls(forward), X)
    assert report.error is not None
    assert report.error.type == "RunError"
    assert "inside a forward that is being inspected" in report.error.message


@pytest.mark.parametrize("train", [False, True])
def test_each_module_says_the_mode_that_it_ran_in(train: bool) -> None:
    report = modinspect.inspect(nn.Sequential(linear()).train(train), X)
    assert {info.training for info in report.modules} == {call.training for call in report.calls} == {train}
    assert report.model.training is train
