"""Reports made by hand, so that the renderers are tested without a model and without torch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from modinspect.report import (
    Call,
    CrossCheck,
    ForwardError,
    Input,
    ModelInfo,
    ModuleInfo,
    Op,
    Operand,
    Output,
    Report,
    Result,
    Source,
    StateTensor,
    Totals,
    Unregistered,
)
from tests.data_helpers import replace

FILE = "model.py"


def at(line: int, file: str = FILE, code: str | None = None) -> Source:
    return Source(file, line, "Net.forward", code)


class Forward:
    """Writes a report down as the forward would have gone.

    ``module`` registers, ``call`` and ``op`` say what ran; everything that follows from these is worked out in ``report``.
    """

    def __init__(self, target: str = "demo.Net", class_name: str = "Net") -> None:
        self.model = ModelInfo(target, class_name, False, "cpu", "weightless")
        self.modules: dict[str, ModuleInfo] = {}
        self.calls: list[Call] = []
        self.ops: list[Op] = []
        self.parameters: list[StateTensor] = []
        self.unregistered: list[Unregistered] = []
        self.inputs: tuple[Input, ...] = (Input("x", (1, 10), "float32"),)
        self._running: list[int] = []
        self.module("", class_name)

    def module(self, path: str, class_name: str, **facts: Any) -> None:
        """Registers a module; with ``registered=False`` one that nobody registered."""
        params = facts.pop("params", 0)
        known = {
            "registered": True, "layer": False, "calls": 0, "params": params, "own_params": params,
            "trainable_params": params, "param_bytes": 4 * params, "flops": 0, "output_shapes": (),
        }  # fmt: skip
        self.modules[path] = ModuleInfo(path=path, class_name=class_name, **{**known, **facts})

    def parameter(self, name: str, *shape: int, used: bool | None = True, aliases: Sequence[str] = ()) -> None:
        self.parameters.append(StateTensor(name, tuple(aliases), shape, "float32", "cpu", math.prod(shape), True, used))

    @contextmanager
    def call(self, path: str, *outputs: tuple[int | None, ...] | Output, line: int | None = None) -> Iterator[None]:
        """One call of a module; what runs inside the block runs inside the call."""
        module = self.modules[path]
        self.modules[path] = replace(module, calls=module.calls + 1)
        index = len(self.calls)
        named = tuple(output if isinstance(output, Output) else Output("", output, "float32") for output in outputs)
        start = len(self.ops)
        parent = self._running[-1] if self._running else None
        source = None if line is None else at(line)
        self.calls.append(Call(index, path, module.calls, parent, start, start, False, (), named, source))
        self._running.append(index)
        yield
        self._running.pop()
        self.calls[index] = replace(self.calls[index], stop=len(self.ops))

    def layer(self, path: str, *outputs: tuple[int, ...], flops: int | None = 0, line: int | None = None, **facts: Any) -> None:
        """One call of a layer that is one op."""
        with self.call(path, *outputs, line=line):
            self.op(f"torch.nn.functional.{path.rpartition('.')[2]}", *outputs, flops=flops, hidden=False, line=line, **facts)

    def op(self, name: str, *outputs: tuple[int, ...] | Result, line: int | None = None, **facts: Any) -> None:
        """One op of the module that runs."""
        self.ops.append(self.an_op(name, *outputs, line=line, **facts))

    def an_op(self, name: str, *outputs: tuple[int, ...] | Result, line: int | None = None, **facts: Any) -> Op:
        owner = self.calls[self._running[-1]]
        flops = facts.pop("flops", 0)
        known = {
            "kind": "compute", "hidden": True, "inputs": (), "flops": flops, "estimated_flops": flops,
            "source": None if line is None else at(line),
        }  # fmt: skip
        results = tuple(one if isinstance(one, Result) else Result(one, "float32") for one in outputs)
        return Op(index=len(self.ops), name=name, module=owner.module, call=owner.call, outputs=results, **{**known, **facts})

    def foreign_tensor(self, name: str, *shape: int, line: int | None = None) -> str:
        """An unregistered tensor; answers what the ``from`` of an operand calls it."""
        source = None if line is None else at(line)
        self.unregistered.append(Unregistered("tensor", name, "Tensor", shape, 0, source, "float32", "attribute"))
        return f"unregistered:{len(self.unregistered) - 1}"

    def report(self, **changes: Any) -> Report:
        counted = [op.flops or 0 for op in self.ops]
        estimates = [op.estimated_flops for op in self.ops]
        root = self.modules[""]
        totals = Totals(
            params=root.params,
            trainable_params=root.trainable_params,
            param_bytes=root.param_bytes,
            buffer_bytes=0,
            ops=len(self.ops),
            hidden_ops=sum(op.hidden for op in self.ops),
            flops=sum(counted),
            hidden_flops=sum(op.flops or 0 for op in self.ops if op.hidden),
            uncounted_ops=sum(op.flops is None or op.flops != op.estimated_flops for op in self.ops),
            estimated_flops=None if None in estimates else sum(one or 0 for one in estimates),
        )
        known = {
            "model": self.model, "inputs": self.inputs, "outputs": self.calls[0].outputs if self.calls else (),
            "modules": tuple(self.modules.values()), "ops": tuple(self.ops), "unregistered": tuple(self.unregistered),
            "totals": totals, "calls": tuple(self.calls), "parameters": tuple(self.parameters),
        }  # fmt: skip
        return Report(**{**known, **changes})


def operand(shape: tuple[int, ...], origin: str | None = None, argument: str = "input") -> Operand:
    return Operand(shape, "float32", origin, argument)


def example() -> Report:
    """The example that ships: two layers, and a linear call on a weight that nobody registers."""
    run = Forward("modinspect.examples.MyModel", "MyModel")
    run.module("", "MyModel", params=55)
    run.module("fc", "Linear", layer=True, params=55, extra_repr="in_features=10, out_features=5, bias=True")
    run.module("relu", "ReLU", layer=True)
    run.parameter("fc.weight", 5, 10)
    run.parameter("fc.bias", 5)
    with run.call("", (1, 3)):
        run.layer("fc", (1, 5), flops=100, line=20, aten=("aten.t.default", "aten.addmm.default"))
        run.layer("relu", (1, 5), line=21, aten=("aten.relu.default",))
        run.op("torch.rand", (3, 5), kind="create", line=22, aten=("aten.rand.default",))
        weight = operand((3, 5), run.foreign_tensor("torch.rand", 3, 5, line=22), "weight")
        linear = ("aten.t.default", "aten.mm.default")
        run.op("torch.nn.functional.linear", (1, 3), flops=30, line=22, inputs=(operand((1, 5), "op:1"), weight), aten=linear)
    return run.report(torchinfo=CrossCheck("1.8.0", 55, 55, 55, 3))


def blocks(count: int = 12) -> Report:
    """A stack of identical blocks with residual additions, as long as one likes."""
    run = Forward("demo.Encoder", "Encoder")
    run.inputs = (Input("ids", (1, 128), "int64"),)
    run.module("", "Encoder", params=1_000 * 64 + count * 33_024)
    run.module("embed", "Embedding", layer=True, params=64_000)
    run.module("layers", "ModuleList", params=count * 33_024)
    for index in range(count):
        run.module(f"layers.{index}", "Block", params=33_024)
        run.module(f"layers.{index}.norm", "LayerNorm", layer=True, params=128)
        run.module(f"layers.{index}.up", "Linear", layer=True, params=16_640)
        run.module(f"layers.{index}.down", "Linear", layer=True, params=16_256)
        run.module(f"layers.{index}.drop", "Dropout", layer=True)
    with run.call("", (1, 128, 64)):
        run.layer("embed", (1, 128, 64), line=31)
        for index in range(count):
            with run.call(f"layers.{index}", (1, 128, 64), line=33):
                run.layer(f"layers.{index}.norm", (1, 128, 64), line=11)
                run.layer(f"layers.{index}.up", (1, 128, 256), flops=4_194_304, line=12)
                run.op("torch.nn.functional.gelu", (1, 128, 256), line=12)
                run.layer(f"layers.{index}.down", (1, 128, 64), flops=4_194_304, line=13)
                run.op("torch.Tensor.add", (1, 128, 64), line=14)
    return run.report()


def awkward() -> Report:
    """One of everything that deserves a mark."""
    run = Forward("demo.Awkward", "Awkward")
    run.module("", "Awkward", params=1_270, trainable_params=1_250)
    run.module("embed", "Embedding", layer=True, params=1_000)
    run.module("shared", "Linear", layer=True, params=110, trainable_params=100)
    run.module("frozen", "Linear", layer=True, params=10, trainable_params=0)
    run.module("odd", "Odd", params=20)
    run.module("head", "Linear", layer=True, params=1_000)
    run.module("spares", "ModuleList", params=100)
    run.module("spares.0", "Linear", layer=True, params=50)
    run.module("spares.1", "Linear", layer=True, params=50)
    run.module("lent", "Linear", layer=True, params=30)
    run.module("lone[0]", "Linear", layer=True, registered=False, params=110)
    run.parameter("embed.weight", 100, 10, aliases=["head.weight"])
    run.parameter("odd.scale", 20, used=False)
    run.parameter("spares.0.weight", 50, used=False)
    run.parameter("lent.weight", 3, 10)
    run.unregistered.append(Unregistered("module", "lone[0]", "Linear", None, 110, at(47), role="module"))
    table = run.foreign_tensor("global TABLE", 10, line=48)
    with run.call("", (1, 10)):
        run.layer("embed", (1, 10), line=41)
        run.layer("shared", (1, 10), flops=200, line=42)
        run.layer("shared", (1, 10), flops=200, line=43)
        run.layer("frozen", (1, 10), flops=20, line=44)
        with run.call("odd", (1, 10), line=45):
            run.op("torch.Tensor.add_", (1, 10), line=9, mutates=(0,), inputs=(operand((1, 10), "op:3"),))
            run.op("torch.Tensor.item", kind="read", line=10)
        with run.call("lone[0]", (1, 10), line=47):
            run.op("torch.nn.functional.linear", (1, 10), flops=200, line=47, inputs=(operand((10, 10), "unregistered:0"),))
        run.op("torch.Tensor.mul", (1, 10), line=48, inputs=(operand((1, 10), "op:6"), operand((10,), table, "other")))
        lent = operand((3, 10), "param:lent.weight", "weight")
        run.op("torch.nn.functional.linear", (1, 3), flops=60, line=49, inputs=(operand((1, 10), "op:7"), lent))
        run.layer("head", (1, 10), flops=None, line=50)
    return run.report()


def failing() -> Report:
    """A forward that stops at a layer which expects other features."""
    run = Forward("demo.Bad", "Bad")
    run.inputs = (Input("x", (1, 3, 8, 8), "float32"),)
    run.module("", "Bad", params=279)
    run.module("conv", "Conv2d", layer=True, params=224)
    run.module("fc", "Linear", layer=True, params=55)
    run.module("later", "Linear", layer=True, params=55)
    with run.call("", line=None):
        run.layer("conv", (1, 8, 6, 6), flops=15_552, line=30)
        run.op("torch.Tensor.view", (1, 288), kind="view", line=31)
        with run.call("fc", line=32):
            operands = (
                operand((1, 288), "op:1"),
                operand((5, 10), "param:fc.weight", "weight"),
                operand((5,), "param:fc.bias", "bias"),
            )
            failed = run.an_op("torch.nn.functional.linear", hidden=False, line=32, inputs=operands)
    error = ForwardError(
        "RuntimeError",
        "mat1 and mat2 shapes cannot be multiplied (1x288 and 10x5)",
        "fc",
        at(32, code="return self.fc(x)"),
        failed,
        "fc expects 10 features, got 288 from view at model.py:31",
    )
    return run.report(error=error)


def registered_only() -> Report:
    """No input, no forward: what print(model) knows."""
    report = blocks()
    modules = tuple(replace(module, calls=0, extra_repr=_arguments(module)) for module in report.modules)
    totals = replace(report.totals, ops=0, hidden_ops=0, flops=0, hidden_flops=0)
    return replace(report, modules=modules, totals=totals, inputs=(), outputs=(), calls=(), ops=())


def _arguments(module: ModuleInfo) -> str:
    return {"Linear": "in_features=64, out_features=256, bias=True", "Dropout": "p=0.1, inplace=False"}.get(
        module.class_name, ""
    )


HOSTILE = (
    "[red]x[/red]\x1b[31m\x1b]8;;http://a\x07\u202eevil\ud800\n\x00"
    "</title></style><script>document['title']='ran'</script>"
    "<img src=x onerror=\"document['title']='ran'\">&lt;\r\n::error::%0A::error::\x9b31m\u200f"
)
"""Markup, colour and link codes, a character that turns the text around, half a character, a line break and a null; what HTML
and the log of GitHub Actions would act on."""


def hostile() -> Report:
    """A model whose every name tries to be something else than text, and whose forward raises."""
    run = _hostile()
    with run.call("", Output(HOSTILE, (1,), HOSTILE)), run.call(HOSTILE, (1,)):
        _hostile_op(run)
        failed = run.an_op(HOSTILE, inputs=(operand((1,), None, HOSTILE),), source=_HOSTILE_SOURCE)
    return run.report(error=ForwardError(HOSTILE, HOSTILE, HOSTILE, _HOSTILE_SOURCE, failed, HOSTILE, HOSTILE))


def hostile_to_the_end() -> Report:
    """The same model, whose forward ends, and which says as much of itself as a model can."""
    run = _hostile()
    run.module("foreign" + HOSTILE, HOSTILE, registered=False, params=1)
    run.unregistered.append(Unregistered("module", "foreign" + HOSTILE, HOSTILE, None, 1, _HOSTILE_SOURCE, role="module"))
    with run.call("", Output(HOSTILE, (1,), HOSTILE), Output("b" + HOSTILE, (1,), HOSTILE)):
        with run.call(HOSTILE, (1,)):
            _hostile_op(run)
        with run.call("foreign" + HOSTILE, (1,)):
            _hostile_op(run)
    return run.report(torchinfo=CrossCheck(HOSTILE, 1, 1, None, None, HOSTILE))


def hostile_not_run() -> Report:
    """The same model without a forward, with what its modules say of their arguments."""
    report = _hostile().report()
    return replace(report, modules=tuple(replace(one, extra_repr=HOSTILE) for one in report.modules))


_HOSTILE_SOURCE = Source(HOSTILE, 1, HOSTILE, HOSTILE)


def _hostile() -> Forward:
    run = Forward(HOSTILE, HOSTILE)
    run.inputs = (Input(HOSTILE, (1,), HOSTILE),)
    run.module("", HOSTILE, params=1)
    run.module(HOSTILE, HOSTILE, params=1)
    run.module("never" + HOSTILE, HOSTILE)
    run.parameter(HOSTILE + ".w", 1, used=False, aliases=["other." + HOSTILE])
    run.foreign_tensor(HOSTILE, 1)
    run.model = replace(run.model, notes=(HOSTILE,), device=HOSTILE)
    return run


def _hostile_op(run: Forward) -> None:
    operands = (operand((1,), "unregistered:0", HOSTILE), operand((1,), f"param:{HOSTILE}", HOSTILE))
    run.op(HOSTILE, Result((1,), HOSTILE), inputs=operands, source=_HOSTILE_SOURCE, aten=(HOSTILE,))
