"""Arguments that are calls of names of the target's module, fields of these, and what is built without being asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modinspect.errors import TargetError
from modinspect.target import load, parse_init, parse_target
from tests.target.target_helpers import error, write

GPT = """
import os
from dataclasses import dataclass, field
from functools import partial
from os import mkdir
import torch
from torch import nn

@dataclass
class GPTConfig:
    block_size: int = 1024
    vocab_size: int = 50304
    n_layer: int = 12
    n_embd: int = 768

class GPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        assert config.vocab_size is not None
        self.config = config
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.h = nn.ModuleList([nn.Linear(config.n_embd, config.n_embd) for _ in range(config.n_layer)])
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)

    def forward(self, idx, targets=None):
        x = self.wte(idx)
        for block in self.h:
            x = block(x)
        return self.lm_head(x)

@dataclass(frozen=True)
class Inner:
    width: int = 3
    sizes: tuple = (1, 2)

@dataclass
class Outer:
    inner: Inner = field(default_factory=Inner)
    depth: int = 1

class Net(nn.Module):
    def __init__(self, outer: Outer, act=nn.ReLU, norm=None):
        super().__init__()
        self.outer, self.act, self.norm = outer, act, norm

class Needs(nn.Module):
    def __init__(self, config: "NeedsConfig"):
        super().__init__()
        self.config = config

@dataclass
class NeedsConfig:
    width: int
    depth: int = 1

class Wraps(nn.Module):
    def __init__(self, *parts, config=None, **named):
        super().__init__()
        self.parts = nn.ModuleList(part for part in parts if isinstance(part, nn.Module))
        self.given, self.named, self.config = parts, named, config

def small(width=2):
    return GPTConfig(n_layer=1, n_embd=width, vocab_size=5)

ACT = "gelu"
registry = {"small": lambda: GPT(small()), "vit_b": partial(Wraps, 1), 3: {"deep": small}}
"""


@pytest.fixture(autouse=True)
def _models(project: Path) -> None:
    write(project, gpt=GPT)


def built(target: str, *init: str) -> Any:
    return load(target, parse_init(init)).build()


def notes(target: str, *init: str) -> tuple[str, ...]:
    return load(target, parse_init(init)).notes


@pytest.mark.parametrize(
    ("target", "init"),
    [
        ("gpt.py:GPT(GPTConfig(n_layer=2, n_embd=8, vocab_size=10))", ()),
        ("gpt:GPT(config=GPTConfig(n_layer=2, n_embd=8, vocab_size=10))", ()),
        ("gpt.GPT", ("config=GPTConfig(n_layer=2, n_embd=8, vocab_size=10)",)),
        ("gpt:GPT", ("config=GPTConfig(n_embd=8)", "config.n_layer=2", "config.vocab_size=10")),
        ("gpt:GPT(GPTConfig(n_embd=8))", ("config.n_layer=2", "config.vocab_size=10")),
        ("gpt:GPT", ("config.n_layer=2", "config.n_embd=8", "config.vocab_size=10")),
    ],
)
def test_a_configuration_is_built_as_it_would_be_in_the_targets_module(target: str, init: tuple[str, ...]) -> None:
    model = built(target, *init)
    assert type(model.config).__name__ == "GPTConfig"
    assert (model.config.n_layer, model.config.n_embd, model.config.vocab_size, model.config.block_size) == (2, 8, 10, 1024)
    assert len(model.h) == 2


def test_what_a_constructor_lacks_is_named_with_the_class_that_looks_like_it() -> None:
    assert error("gpt:GPT").hint == "Add --init 'config=GPTConfig()'."
    assert error("gpt:Needs").hint == "Add --init 'config=NeedsConfig(width=INT)'."


def test_arguments_annotated_with_a_class_that_needs_none_are_built_and_noted() -> None:
    assert built("gpt:Net").outer.inner.width == 3
    assert notes("gpt:Net") == ("outer was built with its defaults: Outer()",)
    assert notes("gpt:Net", "outer=Outer()") == ()


def test_dotted_names_set_fields_however_deep_and_leave_other_configurations_alone() -> None:
    model = built("gpt:Net", "outer.inner.width=9", "outer.depth=2")
    assert (model.outer.depth, model.outer.inner.width, model.outer.inner.sizes) == (2, 9, (1, 2))
    assert notes("gpt:Net", "outer.depth=2") == ("outer was built as Outer(depth=2)",)
    assert built("gpt:Net").outer.inner.width == 3
    assert built("gpt:Needs", "config.width=4").config.width == 4
    assert built("gpt:Wraps", "config={'a': {'b': 1}}", "config.a.b=2").config == {"a": {"b": 2}}


@pytest.mark.parametrize(
    ("init", "message", "hint"),
    [
        ("config.n_layers=2", "GPTConfig() has no field 'n_layers'", "Did you mean 'n_layer'?"),
        ("config.n_layer.x=2", "GPTConfig().n_layer has no field 'x'", ""),
        ("confg.n_layer=2", "sets a field of 'confg', which isn't an argument", "Did you mean 'config'?"),
        ("config=GPTConfg()", "'gpt' has no 'GPTConfg'", "Did you mean 'GPTConfig'"),
        ("config=GPTConfig(layers=2)", "'GPTConfig' takes no argument 'layers'", ""),
        ("config=ACT()", "'ACT' can't be called: it is of type str", "Leave out the parentheses."),
    ],
)
def test_what_is_wrong_with_a_configuration_is_said(init: str, message: str, hint: str) -> None:
    with pytest.raises(TargetError) as wrong:
        built("gpt:GPT", init)
    assert message in wrong.value.message
    assert hint in wrong.value.hint


def test_names_and_modules_of_the_targets_module_are_arguments_too() -> None:
    model = built("gpt:Net(act=nn.GELU, norm=[nn.LayerNorm(3), (ACT, torch.float16), {'a': partial(small, 4)}])")
    assert model.act.__name__ == "GELU"
    norm, (act, dtype), made = model.norm
    assert (type(norm).__name__, norm.normalized_shape) == ("LayerNorm", (3,))
    assert (act, str(dtype)) == ("gelu", "torch.float16")
    assert made["a"]().n_embd == 4
    assert str(built("gpt:Net", "norm=torch.float16").norm) == "torch.float16"


def test_each_build_makes_its_own_parts() -> None:
    factory = load("gpt:Wraps(nn.Linear(2, 3))")
    first, second = factory.build(), factory.build()
    assert first.get_parameter("parts.0.weight") is not second.get_parameter("parts.0.weight")


def test_registries_have_keys() -> None:
    assert built("gpt:registry['small']()").config.n_layer == 1
    assert built('gpt.py:registry["small"]').config.n_layer == 1
    assert built("gpt.registry['vit_b'](ACT, a=registry[3]['deep'](7))").given == (1, "gelu")
    assert built("gpt.registry['vit_b'](ACT, a=small(7))").named["a"].n_embd == 7
    assert parse_target('m:r["a]"](1)').path == "m:r['a]']"
    wrong = error("gpt:registry['vit_c']()")
    assert (wrong.message, wrong.hint) == ("'gpt:registry' has no key 'vit_c'", "Did you mean 'vit_b'?")
    assert error("gpt:GPT['a']").message == "'gpt:GPT' has no keys"


@pytest.mark.parametrize(
    "argument",
    [
        "os.mkdir('ran')",
        "mkdir('ran')",
        "eval('1')",
        "__builtins__['eval']('1')",
        "GPTConfig.__init__.__globals__['os'].mkdir('ran')",
        "torch.hub.load('a', 'b')",
        "torch.load('a.pt')",
        "partial(mkdir, 'ran')()",
        "small.__class__('ran')",
    ],
)
def test_free_code_is_not_run(argument: str, project: Path) -> None:
    with pytest.raises(TargetError):
        built(f"gpt:Wraps({argument})")
    assert not (project / "ran").exists()
    assert not Path("ran").exists()


def test_settings_without_a_class_become_a_namespace(project: Path) -> None:
    write(
        project,
        space="""
from torch import nn

class Net(nn.Module):
    def __init__(self, cfg, width=None):
        super().__init__()
        self.given = cfg.model.width, cfg.model.sizes, cfg.depth
""",
    )
    init = ("cfg.model.width=3", "cfg.depth=2", "cfg.model.sizes=[1, 2]")
    assert built("space:Net", *init).given == (3, [1, 2], 2)
    namespace = "SimpleNamespace(model=SimpleNamespace(width=3, sizes=[1, 2]), depth=2)"
    assert notes("space:Net", *init) == (f"cfg was built as {namespace}",)
    with pytest.raises(TargetError, match=r"--init gives cfg\.model a value, and sets fields of it"):
        built("space:Net", "cfg.model=1", "cfg.model.width=3")
    with pytest.raises(TargetError, match="sets a field of 'width', whose class is unknown"):
        built("space:Net", "width.x=1")


def test_pydantic_models_go_through_the_same_door(project: Path) -> None:
    pytest.importorskip("pydantic")
    write(
        project,
        pyd="""
from pydantic import BaseModel
from torch import nn

class Inner(BaseModel):
    width: int = 3

class Config(BaseModel):
    inner: Inner = Inner()
    depth: int = 1

class Net(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.config = config
""",
    )
    assert built("pyd:Net").config.inner.width == 3
    assert built("pyd:Net", "config.inner.width=4", "config.depth=2").config.model_dump() == {"inner": {"width": 4}, "depth": 2}
    assert "validation error" in error("pyd:Net(Config(depth='x'))").message


def test_omegaconf_goes_through_the_same_door(project: Path) -> None:
    pytest.importorskip("omegaconf")
    write(
        project,
        omega="""
from omegaconf import OmegaConf
from torch import nn

class Net(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
""",
    )
    model = built("omega:Net(OmegaConf.create({'model': {'width': 3, 'depth': 1}}))", "config.model.width=4")
    assert (model.config.model.width, model.config.model.depth) == (4, 1)
