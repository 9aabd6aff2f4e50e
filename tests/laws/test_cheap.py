"""Cheap: no activation, frame or input outlives the forward because of the inspection, nor is alive longer during it."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import handle_torch_function, has_torch_function_unary
from torch.utils._python_dispatch import TorchDispatchMode

import modinspect
from modinspect.trace import trace
from tests.trace.small_models import ZOO
from tests.trace.trace_helpers import Calls


class Watches(nn.Module):
    """Keeps weak references to what goes through it, and says how many tensors are alive while it runs."""

    made: list[weakref.ref[Tensor]] = []  # noqa: RUF012

    def forward(self, x: Tensor) -> Tensor:
        self.made.append(weakref.ref(x))
        return x


class Local:
    """Something in a frame of ``forward`` that dies with the frame."""


class Network(nn.Module):
    def __init__(self, fails: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(8, 8) for _ in range(6)])
        self.watch = Watches()
        self.fails = fails
        self.locals: list[weakref.ref[Local]] = []

    def forward(self, x: Tensor) -> Tensor:
        local = Local()
        self.locals.append(weakref.ref(local))
        for block in self.blocks:
            x = self.watch(F.relu(block(x)))
            x = self.watch(x[:, :4].repeat(1, 2) + self.watch(torch.rand(8)))
        if self.fails:
            x = self.blocks[0](x[:, :3])
        return x


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("grad", [False, True])
def test_all_activations_and_frames_are_gone_while_the_report_lives(fails: bool, grad: bool) -> None:
    model = Network(fails)
    Watches.made.clear()
    gc.disable()  # what is kept by a cycle alone is kept, too
    try:
        report = trace(model, (torch.rand(2, 8),), grad=grad)
        assert len(Watches.made) == 18
        assert [reference() for reference in Watches.made] == [None] * 18
        assert [reference() for reference in model.locals] == []  # put back with the model
    finally:
        gc.enable()
    assert (report.error is not None) == fails


def test_inputs_are_gone_when_the_caller_lets_go_of_them() -> None:
    gc.disable()
    try:
        x = torch.rand(2, 8)
        reference = weakref.ref(x)
        report = modinspect.inspect(nn.Linear(8, 8), x)
        del x
        assert reference() is None
    finally:
        gc.enable()
    assert report.inputs[0].shape == (2, 8)


def test_the_model_is_gone_when_the_caller_lets_go_of_it() -> None:
    gc.disable()
    try:
        model = Network(False)
        references = [weakref.ref(model), *(weakref.ref(parameter) for parameter in model.parameters())]
        report = modinspect.inspect(model, torch.rand(2, 8))
        del model
        assert [reference() for reference in references] == [None] * 13
    finally:
        gc.enable()
    assert report.totals.params == 6 * 72


def test_functions_of_the_users_are_gone_with_their_model() -> None:
    def model_and_functions() -> tuple[nn.Module, list[weakref.ref[Any]]]:
        class Double(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Tensor) -> Tensor:  # type: ignore[override]
                return x * 2

        def halve(x: Tensor) -> Any:
            return handle_torch_function(halve, (x,), x) if has_torch_function_unary(x) else x / 2

        return Calls(lambda x: halve(Double.apply(x))), [weakref.ref(Double), weakref.ref(halve)]

    model, references = model_and_functions()
    report = modinspect.inspect(model, torch.rand(2, 8))
    assert [op.name.rpartition(".")[2] for op in report.ops] == ["apply", "mul", "halve"]
    del model
    gc.collect()
    assert [reference() for reference in references] == [None, None]


THE_FIRST_INSPECTION = """
import gc, sys, types, weakref
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
import modinspect

class Plain(nn.Linear):
    pass

class Imports(nn.Linear):  # a module that takes what it needs of torch
    def forward(self, x):
        late = sys.modules["late"] = types.ModuleType("late")
        late.call, late.compile, late.handle = nn.Module.__call__, torch.compile, nn.functional.handle_torch_function
        return super().forward(x)

class Checkpointed(nn.Linear):  # the first checkpoint imports torch._dynamo
    def forward(self, x):
        return checkpoint(super().forward, x, use_reentrant=False)

assert "torch._dynamo" not in sys.modules
references = []
for model in (Plain(4, 4), Imports(4, 4), Checkpointed(4, 4)):
    references.append(weakref.ref(model))
    names = [op.name for op in modinspect.inspect(model, torch.ones(2, 4)).ops]
    assert [name for name in names if name != "torch.empty"] == ["torch.nn.functional.linear"]  # of old checkpoints
del model
gc.collect()
late = sys.modules["late"]
assert late.call is nn.Module.__call__
assert late.compile is torch.compile
assert late.handle is torch.overrides.handle_torch_function
import torch._dynamo
assert torch._dynamo.utils.unpatched_nn_module_call is nn.Module.__call__
print([reference() for reference in references])
"""


@pytest.mark.process
def test_what_torch_loads_and_remembers_during_the_first_inspection_keeps_no_model() -> None:
    done = subprocess.run([sys.executable, "-c", THE_FIRST_INSPECTION], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[None, None, None]"


class Alive(TorchDispatchMode):
    """Counts the bytes of storages that operators made and that are still alive."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in torch.utils._pytree.tree_leaves(out):
            if isinstance(tensor, Tensor) and tensor.layout is torch.strided and not tensor.is_nested:
                self._add(tensor.untyped_storage())
        return out

    def _add(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return
        self._known.add(key)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._drop, key, size)

    def _drop(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["residual_network", "fused_decoder", "plain_decoder", "recursion", "values_decide", "experts"]
)
def test_no_more_is_alive_at_once_than_in_the_bare_forward(name: str) -> None:
    model, args = ZOO[name]()
    model.eval()
    bare, inspected = Alive(), Alive()
    with torch.no_grad(), bare:
        model(*args)
    assert trace(model, args, observer=lambda _: inspected).error is None
    assert 0 < inspected.peak <= bare.peak


def test_a_look_at_closures_keeps_no_variable_of_the_frame() -> None:
    table = torch.ones(8)
    alive: list[bool] = []

    def forward(x: Tensor) -> Tensor:
        x = x + 1
        first = weakref.ref(x)
        x = x * table
        alive.append(first() is not None)
        mine = locals()
        x = x * torch.ones(8).as_subclass(Tensor)
        alive.append(mine["first"] is first)
        return x

    report = modinspect.inspect(Calls(forward), torch.rand(2, 8))
    assert report.error is None
    assert [u.name for u in report.unregistered] == ["table"]
    assert alive == [False, True]


def test_modules_made_in_forward_are_gone_at_once() -> None:
    made: list[weakref.ref[nn.Module]] = []

    def forward(x: Tensor) -> Tensor:
        for _ in range(3):
            layer = nn.Linear(8, 8)
            x = layer(x)
            made.append(weakref.ref(layer))
        del layer
        assert [reference() for reference in made] == [None] * 3
        return x

    assert modinspect.inspect(Calls(forward), torch.rand(2, 8)).error is None


def test_parameters_that_nothing_writes_to_are_not_copied() -> None:
    big = nn.Linear(64, 64)
    made = Alive()
    trace(nn.Sequential(nn.ReLU(), big), (torch.rand(1, 64),), observer=lambda _: made)
    # Its transpose is a view of it, and so in the sum: 16 KiB. The rest are two rows.
    assert made.peak == big.weight.nbytes + 2 * 64 * 4


def test_what_a_forward_makes_and_closes_over_dies_though_the_report_is_kept() -> None:
    """A class or function that is made in ``forward`` and handed to torch holds the tensors that it closes over."""
    seen: list[weakref.ref[Tensor]] = []

    class Closes(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            hidden = x * 2
            seen.append(weakref.ref(hidden))

            class Scales(torch.autograd.Function):
                @staticmethod
                def forward(ctx: object, x: Tensor) -> Tensor:
                    return x * hidden

            return Scales.apply(x)

    unread, read = modinspect.inspect(Closes(), torch.ones(2)), modinspect.inspect(Closes(), torch.ones(2))
    read.to_dict()
    gc.collect()  # a class is a circle of its own
    assert [ref() for ref in seen] == [None, None]
    assert [op.name.rpartition(".")[2] for op in unread.ops] == ["mul", "apply", "mul"]
    assert [operand.argument for operand in unread.ops[1].inputs] == ["args.0"]


def test_what_a_forward_has_kept_of_torchs_calls_keeps_nothing_and_works_on() -> None:
    """As a module does that is imported in a forward for the first time and looks up ``nn.Module.__call__``."""
    kept: list[Any] = []

    class Keeps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            kept.extend([nn.Module.__call__, nn.Parameter.__new__, F.handle_torch_function])
            return self.fc(x)

    model, x = Keeps(), torch.ones(1, 2)
    report = modinspect.inspect(model, x)
    refs = [weakref.ref(model), weakref.ref(model.fc.weight), weakref.ref(x)]
    del model, x
    gc.collect()
    assert [ref() for ref in refs] == [None, None, None]
    call, new, _ = kept
    assert call(nn.Identity(), 5) == 5
    assert isinstance(new(nn.Parameter, torch.ones(2)), nn.Parameter)
    assert len(report.calls) == 2
