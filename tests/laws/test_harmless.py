"""Harmless: whatever a forward does and however it ends, model, inputs and process are afterwards what they were before."""

from __future__ import annotations

import _signal
import collections
import ctypes
import gc
import locale
import os
import random
import signal
import sys
import threading
import types
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from types import FrameType
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

import modinspect
from modinspect.trace import trace
from modinspect.trace.capture import Recorder
from tests.trace.trace_helpers import Calls, bits, photograph_of_process

GLOBAL = torch.arange(4.0)


class Helper:
    def __init__(self) -> None:
        self.table = torch.arange(4.0)
        self.seen: list[Any] = [1]
        self.count = 0


class Victim(nn.Module):
    """Holds one of everything that a forward may change; ``effect`` does the change."""

    on_the_class = torch.arange(4.0)

    def __init__(self, effect: Callable[[Victim, Tensor], Any], end: Callable[[], Any]) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.other = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)
        self.drop = nn.Dropout(0.5)
        self.scripted = torch.jit.script(nn.BatchNorm1d(4))
        self.scale = nn.Parameter(torch.arange(4.0))
        self.register_buffer("first", torch.arange(4.0))
        self.register_buffer("second", torch.arange(4.0))
        self.register_buffer("sparse", torch.eye(2).to_sparse())
        self.attribute = torch.arange(4.0)
        self.listed = [torch.arange(4.0), nn.BatchNorm1d(4)]
        self.cache: dict[str, Any] = {"old": [1, 2]}
        self.queue = collections.deque([1])
        self.names = {"a"}
        self.helper = Helper()
        self.generators = (torch.Generator().manual_seed(3), np.random.default_rng(3), random.Random(3))
        self.fc.weight.grad = torch.ones(4, 4)
        self.hook = self.fc.register_forward_hook(lambda module, args, output: output + 1)
        self.effect = effect
        self.end = end

    def forward(self, x: Tensor) -> Tensor:
        self.effect(self, x)
        self.end()
        return x


def tensors_of(model: Victim, x: Tensor) -> dict[str, Tensor]:
    found = {"x": x, "global": GLOBAL, "class": Victim.on_the_class, "attribute": model.attribute, "helper": model.helper.table}
    found["listed"] = model.listed[0]
    listed = {f"listed.{name}": tensor for name, tensor in model.listed[1].state_dict(keep_vars=True).items()}
    return {**found, **listed, **model.state_dict(keep_vars=True)}


def photograph(model: Victim, x: Tensor) -> dict[str, Any]:
    """All that must not change, copied or by identity, written without the engine."""
    photo: dict[str, Any] = {}
    for name, tensor in tensors_of(model, x).items():
        place = None if tensor.is_sparse else tensor.untyped_storage()._cdata
        hooks = [dict(hooks or {}) for hooks in (tensor._backward_hooks, tensor._post_accumulate_grad_hooks)]
        photo[name] = (id(tensor), place, bits(tensor), tensor.requires_grad, id(tensor.grad), bits(tensor.grad), hooks)
    for name, module in [*model.named_modules(), ("listed.1", model.listed[1])]:
        if isinstance(module, torch.jit.ScriptModule):
            continue
        photo[f"module {name}"] = {key: id(value) for key, value in vars(module).items()}
        for key, value in vars(module).items():
            if key.startswith("_") and isinstance(value, dict):
                photo[f"module {name}.{key}"] = [(inner, id(item)) for inner, item in value.items()]
        photo[f"mode {name}"] = module.training
    photo["cache"] = repr(model.cache)
    photo["queue"] = list(model.queue)
    photo["names"] = sorted(model.names)
    photo["helper"] = (list(model.helper.seen), sorted(vars(model.helper)), model.helper.count)
    ours, numpys, pythons = model.generators
    photo["generators"] = (bits(ours.get_state()), repr(numpys.bit_generator.state), pythons.getstate())
    return {**photo, **photograph_of_process()}


def set_data(self: Victim, x: Tensor) -> None:
    self.fc.weight.data = torch.zeros(4, 4)
    self.other.weight.data = torch.zeros(2, 2)
    self.first.data = torch.zeros(4)
    x.data = torch.zeros(1)


def write_to_memory_given_up(self: Victim, x: Tensor) -> None:
    for tensor in (self.fc.weight, self.first, x):
        memory = tensor.data
        tensor.data = torch.zeros(2)
        memory.add_(1)
        memory.add_(1)  # alike: the second call of its kind


def share_with_numpy(self: Victim, x: Tensor) -> None:
    self.first.numpy()[0] = 7
    self.second.numpy()[0] = 7  # alike: the second call of its kind
    np.asarray(self.attribute)[1] = 7
    self.fc.weight.detach().numpy()[:] = 7
    array = np.from_dlpack(x)  # of an older torch, numpy takes it to be read-only
    (array if array.flags.writeable else x.numpy())[:] = 7


def write_by_address(self: Victim, x: Tensor) -> None:
    ctypes.memset(self.first.data_ptr(), 0, 16)
    ctypes.memset(self.second.data_ptr(), 0, 16)
    self.scale.untyped_storage().fill_(0)
    self.attribute.storage()[1] = 7.0


def replace_buffers(self: Victim, x: Tensor) -> None:
    self.first = torch.ones(2)
    del self.second
    self.register_buffer("third", torch.ones(2))
    self.norm.running_mean = None
    self.fc.weight = nn.Parameter(torch.ones(4, 4))
    self.other.register_parameter("more", nn.Parameter(torch.ones(4)))
    self.add_module("late", nn.Linear(2, 2))
    del self._modules["drop"]


def reshape_in_place(self: Victim, x: Tensor) -> None:
    self.first.resize_(9)
    self.second.resize_(2, 2).t_()
    self.second.unsqueeze_(0)
    self.attribute.set_(torch.ones(2))
    x.transpose_(0, 1)
    self.sparse.add_(self.sparse)


def touch_hooks(self: Victim, x: Tensor) -> None:
    self.hook.remove()
    self.fc.register_forward_hook(lambda module, args, output: output * 2)
    self.other.register_forward_pre_hook(lambda module, args: None)
    self.register_full_backward_hook(lambda module, a, b: None)
    self.fc.weight.register_hook(lambda grad: grad)


def touch_flags(self: Victim, x: Tensor) -> None:
    self.eval()
    self.fc.train()
    self.fc.weight.requires_grad_(False)
    self.other.weight.requires_grad = False
    self.first.requires_grad_()
    x.requires_grad_()


def touch_grads(self: Victim, x: Tensor) -> None:
    self.fc.weight.grad.zero_()
    self.other.weight.grad = torch.ones(4, 4)
    with torch.enable_grad():
        self.fc(self.norm(x)).sum().backward()
    self.fc.weight.grad = None


def touch_attributes(self: Victim, x: Tensor) -> None:
    self.new = x * 2
    self.end = self.end
    self.cache["new"] = x
    self.cache["old"].append(3)
    self.queue.append(x)
    self.names.add("b")
    self.helper.seen.append(x)
    self.helper.count += 1
    self.helper.new = x
    self.listed.append(x)


def touch_settings(self: Victim, x: Tensor) -> None:
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    torch.set_grad_enabled(True)
    torch.set_num_threads(torch.get_num_threads() + 1)
    torch.backends.mha.set_fastpath_enabled(True)
    torch.set_float32_matmul_precision("medium")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.autograd.set_detect_anomaly(True)
    torch.set_autocast_enabled("cpu", True)
    torch.set_autocast_dtype("cpu", torch.float16)
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.enable_flash_sdp(False)
    torch.set_warn_always(True)
    np.seterr(all="ignore")
    warnings.filterwarnings("ignore", message="never")
    sys.path.insert(0, "nowhere")
    sys.setrecursionlimit(5000)


def touch_random_states(self: Victim, x: Tensor) -> None:
    torch.manual_seed(5)
    random.random()
    np.random.rand(2)
    F.dropout(x, 0.5)
    ours, numpys, pythons = self.generators
    torch.rand(2, generator=ours)
    numpys.random()
    pythons.random()


def write_where_nobody_registers(self: Victim, x: Tensor) -> None:
    GLOBAL.add_(1)
    self.on_the_class.mul_(2)
    self.attribute[1:] = 7
    self.listed[0] += 1
    self.listed[1](x)
    self.helper.table.zero_()


def in_another_thread(self: Victim, x: Tensor) -> None:
    thread = threading.Thread(target=self.norm, args=(x,))
    thread.start()
    thread.join()


EFFECTS: dict[str, Callable[[Victim, Tensor], Any]] = {
    "batch norm": lambda self, x: self.norm(x),
    "scripted batch norm": lambda self, x: self.scripted(x),
    "dropout": lambda self, x: self.drop(x),
    "parameter in place": lambda self, x: (self.fc.weight.add_(1), self.scale.data.mul_(2)),
    "through views": lambda self, x: (
        self.first[1:].zero_(),
        self.fc.weight.view(-1)[3].fill_(9),
        self.second.detach().add_(1),
    ),
    "several alike": lambda self, x: (self.first.add_(1), self.second.add_(1), self.attribute.add_(1), GLOBAL.add_(1)),
    "out": lambda self, x: (torch.add(self.first, 1, out=self.second), torch.add(self.first, 1, out=self.first)),
    "inputs": lambda self, x: (x.add_(1), x[0].zero_()),
    "data": set_data,
    "memory given up": write_to_memory_given_up,
    "numpy": share_with_numpy,
    "addresses": write_by_address,
    "buffers replaced": replace_buffers,
    "reshaped in place": reshape_in_place,
    "hooks": touch_hooks,
    "flags": touch_flags,
    "grads": touch_grads,
    "attributes": touch_attributes,
    "settings": touch_settings,
    "random states": touch_random_states,
    "unregistered": write_where_nobody_registers,
    "another thread": in_another_thread,
    "foreach": lambda self, x: torch._foreach_add_([self.first, self.second], 1),
    "load_state_dict": lambda self, x: self.norm.load_state_dict({k: v + 1 for k, v in self.norm.state_dict().items()}),
    "another dtype": lambda self, x: (self.fc.half(), self.norm.double()),
}


def fall() -> None:
    raise ValueError("on purpose")


def interrupt() -> None:
    raise KeyboardInterrupt


def leave() -> None:
    raise SystemExit(3)


ENDS = {"success": lambda: None, "failure": fall, "interrupt": interrupt, "exit": leave}


@pytest.mark.slow
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("effect", EFFECTS)
def test_nothing_has_changed_afterwards(effect: str, end: str) -> None:
    called: list[str] = []

    def do(self: Victim, x: Tensor) -> None:
        EFFECTS[effect](self, x)
        called.append(effect)

    model, x = Victim(do, ENDS[end]), torch.rand(3, 4)
    before = photograph(model, x)
    if end == "interrupt":
        with pytest.raises(KeyboardInterrupt):
            modinspect.inspect(model, x)
    else:
        report = modinspect.inspect(model, x)
        expected = {"success": None, "failure": "ValueError", "exit": "SystemExit"}[end]
        assert (report.error and report.error.type) == expected, report.error
    assert called == [effect]
    after = photograph(model, x)
    assert [name for name in before if before[name] != after.get(name)] == []
    assert after.keys() == before.keys()


class Passes(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


KEYS = (torch._C.DispatchKey.Python, torch._C.DispatchKey.PythonTLSSnapshot)


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("line", sorted({line for _, _, line in Recorder._run_known.__code__.co_lines() if line}))
@pytest.mark.parametrize("mode", [nullcontext, Passes])
def test_an_interruption_at_any_line_of_a_call_that_is_known_leaves_torch_as_it_was(line: int, mode: Any) -> None:
    def interrupt(frame: FrameType, event: str, arg: object) -> Any:
        if frame.f_code is Recorder._run_known.__code__:
            if event == "line" and frame.f_lineno == line:
                sys.settrace(None)
                raise KeyboardInterrupt
            return interrupt
        return None

    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            for _ in range(5):
                x = x.relu()
            return x

    with mode():
        before = (torch._C._len_torch_dispatch_stack(), torch._C._len_torch_function_stack())
        sys.settrace(interrupt)
        try:
            modinspect.inspect(Net(), torch.ones(2))
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        assert (torch._C._len_torch_dispatch_stack(), torch._C._len_torch_function_stack()) == before
        assert not any(map(torch._C._dispatch_tls_is_dispatch_key_excluded, KEYS))


def test_the_photograph_shows_each_effect() -> None:
    """The tests above would pass on anything if the photograph missed what the effects do."""
    for name, effect in EFFECTS.items():
        if name in ("settings", "random states"):
            continue  # they change the process, and nobody would put it back here
        with torch.no_grad():
            model, x = Victim(effect, lambda: None), torch.rand(3, 4)
            before = photograph(model, x)
            model.effect(model, x)
            assert photograph(model, x) != before, name


class Slotted:
    __slots__ = ("count", "empty", "table")

    def __init__(self) -> None:
        self.count, self.table = 0, torch.zeros(2)


class InSlots(nn.Module):
    __slots__ = ("calls", "late", "state")

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 2)
        self.calls, self.state, self.held = 0, Slotted(), Slotted()

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.late = x
        for slotted in (self.state, self.held):
            slotted.count += 1
            slotted.empty = x
            slotted.table += 1
        return self.fc(x) + self.state.table + self.held.table


def test_what_is_kept_in_slots_is_put_back() -> None:
    model = InSlots()
    report = modinspect.inspect(model, torch.ones(1, 2))
    assert report.error is None
    assert [found.name for found in report.unregistered] == ["state.table", "held.table"]
    assert (model.calls, hasattr(model, "late")) == (0, False)
    for slotted in (model.state, model.held):
        assert (slotted.count, hasattr(slotted, "empty"), slotted.table.tolist()) == (0, False, [0.0, 0.0])


def test_what_a_wrapper_keeps_of_its_tensors_is_put_back_as_a_whole() -> None:
    class Part(types.SimpleNamespace):
        pass

    def forward(x: Tensor) -> Tensor:
        for part in (wrapper, wrapper.group, wrapper.group.parts[0], wrapper.group.parts[0].shards["own"][0]):
            assert part.state == "sharded"
            part.state = "gathered"
        return x + 1

    innermost = Part(state="sharded")
    group = Part(state="sharded", parts=[Part(state="sharded", shards={"own": [innermost]})])
    wrapper = Part(state="sharded", group=group)
    model = Calls(forward, kept={"wrapped": {"by": wrapper}})
    for _ in range(2):
        assert modinspect.inspect(model, torch.ones(2)).error is None
    assert [part.state for part in (wrapper, group, group.parts[0], innermost)] == ["sharded"] * 4


def test_the_value_of_a_seeded_run_is_the_same_under_inspection() -> None:
    seen = []

    class Seeded(nn.Module):
        def forward(self) -> Tensor:
            torch.manual_seed(11)
            out = F.linear(torch.rand(1, 10), weight=torch.rand(5, 10))
            seen.append(out.clone())
            return out

    modinspect.inspect(Seeded())
    assert torch.allclose(seen[0], torch.tensor([[2.8882, 2.9767, 2.3277, 2.3751, 2.8311]]), atol=5e-5)
    assert torch.equal(seen[0], Seeded()())


def test_random_numbers_come_out_as_they_would_have() -> None:
    torch.manual_seed(11)
    modinspect.inspect(nn.Dropout(0.5), torch.ones(100))
    after_inspection = torch.rand(3)
    torch.manual_seed(11)
    assert torch.equal(after_inspection, torch.rand(3))


def test_gradients_run_in_forward_leave_no_gradients() -> None:
    class Differentiates(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            x = x.detach().requires_grad_()
            y = self.fc(x).sum()
            y.backward(retain_graph=True)
            return torch.autograd.grad(y, x)[0]

    model = Differentiates()
    assert trace(model, (torch.rand(2, 4),), grad=True).error is None
    assert [parameter.grad for parameter in model.parameters()] == [None, None]


def test_a_lazy_model_stays_lazy() -> None:
    model = nn.Sequential(nn.LazyLinear(4), nn.LazyBatchNorm1d())
    modinspect.inspect(model, torch.rand(2, 3))
    assert [type(module) for module in model] == [nn.LazyLinear, nn.LazyBatchNorm1d]
    assert all(nn.parameter.is_lazy(parameter) for parameter in model.parameters())
    assert model(torch.rand(2, 5)).shape == (2, 4)


def test_containers_and_caches_handed_in_are_as_they_were() -> None:
    class Cache:
        def __init__(self) -> None:
            self.keys: list[Tensor] = []

    class Appends(nn.Module):
        def forward(self, xs: list[Tensor], *, cache: Cache, options: dict[str, Any]) -> Tensor:
            cache.keys.append(xs[0])
            options["used"] = True
            xs.append(xs[0] * 2)
            return xs[-1]

    xs, cache, options = [torch.rand(2)], Cache(), {}
    report = modinspect.inspect(Appends(), xs, cache=cache, options=options)
    assert report.error is None
    assert (len(xs), cache.keys, options) == (1, [], {})


def test_a_model_that_needs_gradients_can_be_trained_on_afterwards() -> None:
    model, x = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU()), torch.rand(3, 4)
    modinspect.inspect(model, x)
    model(x).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_a_class_that_hides_its_attributes_is_no_obstacle() -> None:
    class Slotted:
        __slots__ = ("table",)

        def __init__(self) -> None:
            self.table = torch.ones(2)

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.slotted = Slotted()
            self.proxy = types.MappingProxyType({"a": 1})

        def forward(self, x: Tensor) -> Tensor:
            return x + self.slotted.table

    assert modinspect.inspect(Model(), torch.ones(2)).error is None


def photograph_of_surroundings() -> dict[str, Any]:
    """What Python and the system keep for the process, read without the engine."""
    return {
        "directory": os.getcwd(),
        "environment": dict(os.environ),
        "signals": [_signal.getsignal(number) for number in sorted(signal.valid_signals())],
        "alarm": signal.getitimer(signal.ITIMER_REAL),
        "garbage": (gc.isenabled(), gc.get_debug()),
        "locale": locale.setlocale(locale.LC_ALL),
        "switch interval": sys.getswitchinterval(),
        "hooks": (sys.excepthook, sys.unraisablehook, sys.displayhook, threading.excepthook, warnings.showwarning),
        "profile": (sys.gettrace(), sys.getprofile()),
        "streams": (sys.stdin, sys.stdout, sys.stderr),
        "path": (id(sys.path), list(sys.path)),
    }


def set_an_alarm() -> None:
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 60)


SURROUNDINGS: dict[str, Callable[[], object]] = {
    "directory": lambda: os.chdir("/"),
    "environment": lambda: (os.environ.clear(), os.environ.update(MODINSPECT="1")),
    "signals": lambda: (signal.signal(signal.SIGINT, signal.SIG_IGN), signal.signal(signal.SIGTERM, print)),
    "alarm": set_an_alarm,
    "garbage": lambda: (gc.disable(), gc.set_debug(gc.DEBUG_UNCOLLECTABLE)),
    "locale": lambda: locale.setlocale(locale.LC_ALL, "C.UTF-8" if "UTF" not in locale.setlocale(locale.LC_ALL) else "C"),
    "switch interval": lambda: sys.setswitchinterval(0.5),
    "hooks": lambda: [setattr(sys, name, print) for name in ("excepthook", "unraisablehook", "displayhook")],
    "streams": lambda: [setattr(sys, name, None) for name in ("stdin", "stdout", "stderr")],
    "path": lambda: setattr(sys, "path", ["elsewhere"]),
    "profile": lambda: sys.setprofile(lambda *_: None),
}


@pytest.mark.parametrize("end", [lambda: None, fall], ids=["success", "failure"])
@pytest.mark.parametrize("name", SURROUNDINGS)
def test_what_a_forward_changes_around_it_is_as_before(name: str, end: Callable[[], Any]) -> None:
    seen: list[dict[str, Any]] = []

    class Changes(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            SURROUNDINGS[name]()
            seen.append(photograph_of_surroundings())
            end()
            return x

    before = photograph_of_surroundings()
    modinspect.inspect(Changes(), torch.ones(1))
    assert photograph_of_surroundings() == before
    assert seen[0][name] != before[name]
