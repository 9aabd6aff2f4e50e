"""The arguments of ``forward``: created from specs, returned by a function, or guessed from the model.

Parsing a spec doesn't import torch; the rest imports it when used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modinspect.errors import InputError
from modinspect.inputs.spec import InputSpec, dtype_name, parse_spec

if TYPE_CHECKING:
    from inspect import Signature

    import torch
    from torch import nn

    from modinspect.inputs.guess import Ask
    from modinspect.inputs.values import Inputs
    from modinspect.report import Output
    from modinspect.target import Factory

__all__ = [
    "InputSpec",
    "Inputs",
    "call_input_function",
    "candidates",
    "dtype_name",
    "guess_inputs",
    "make_inputs",
    "options_for",
    "parse_arguments",
    "parse_spec",
    "try_guesses",
]


def __getattr__(name: str) -> object:
    if name == "Inputs":  # its module imports torch
        from modinspect.inputs.values import Inputs

        return Inputs
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def make_inputs(
    specs: Sequence[str | InputSpec],
    *,
    model: nn.Module,
    device: torch.device | str,
    dtype: torch.dtype | str | None = None,
    available: int | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> Inputs:
    """Creates the inputs. Random values are the same each time.

    Args:
        specs: those without a name go to the arguments of ``forward`` in order, the others by name. Dotted names fill
            dictionaries and lists (``batch.x``, ``images.0``).
        model: whose ``forward`` takes them.
        device: where the tensors are put.
        dtype: of specs that name none; that of the model's first floating parameter by default.
        available: bytes of memory that one input may take; ``None`` for no limit.
        arguments: further arguments that aren't tensors, by name, with dots as in specs.

    Raises:
        InputError: a spec can't be read or created, or ``forward`` doesn't take these arguments.
    """
    from modinspect.inputs.arguments import nested
    from modinspect.inputs.bind import check, named_around
    from modinspect.inputs.files import load_file
    from modinspect.inputs.values import Inputs, generator, make_tensor, model_dtype, place

    parsed = [parse_spec(str(spec)) for spec in specs]
    literals = dict(arguments or {})
    parsed = named_around(model, parsed, literals)
    names = [spec.name for spec in parsed if spec.name is not None]
    by_name = nested([*((name, None) for name in names), *literals.items()])
    notes = check(model, len(parsed) - len(names), by_name)
    default = _dtype(dtype) or model_dtype(model)
    random = generator()
    placed = []
    for spec in parsed:
        value = load_file(spec.file) if spec.file is not None else make_tensor(spec, default, random, available)
        placed.append((spec.name, place(value, device)))
    unnamed = [value for name, value in placed if name is None]
    named = [(name, value) for name, value in placed if name is not None]
    return Inputs(tuple(unnamed), nested([*named, *literals.items()]), "--input", notes)


def parse_arguments(pairs: Sequence[str]) -> dict[str, Any]:
    """Reads each ``--arg NAME=LITERAL``.

    Raises:
        InputError: a pair can't be read.
    """
    from modinspect.inputs import arguments

    return arguments.parse_arguments(pairs)


def options_for(signature: Signature) -> str:
    """The options that give the required arguments of a ``forward``: ``--input x=DIMS --arg mode=STRING``."""
    from modinspect.inputs import bind

    return bind.options_for(signature)


def call_input_function(text: str, *, model: nn.Module | None = None, device: torch.device | str | None = None) -> Inputs:
    """Calls ``pkg.mod:make``, a function that returns ``args``, ``kwargs`` or both.

    Args:
        text: ``pkg.mod:make``, with literal arguments if any
        model: whose ``forward`` has to take the inputs
        device: where the tensors go; as they are if not given

    Raises:
        InputError: the function doesn't exist, raised, or returned nothing.
    """
    from modinspect.inputs import function

    return function.call_input_function(text, model=model, device=device)


def guess_inputs(
    model: nn.Module,
    factory: Factory | None = None,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | str | None = None,
) -> Inputs | None:
    """The first guess that fits the model, or ``None``. See :func:`try_guesses`.

    Args:
        model: which is asked
        factory: what built it
        device: of the tensors; the CPU if not given
        dtype: of floating tensors; that of the model's first floating parameter if not given
    """
    return try_guesses(model, factory, device=device, dtype=dtype)[0]


def try_guesses(
    model: nn.Module,
    factory: Factory | None = None,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | str | None = None,
) -> tuple[Inputs | None, tuple[str, ...]]:
    """The first guess that fits the model, and notes on the guesses before it that don't.

    Args:
        model: which is asked
        factory: what built it
        device: of the tensors; the CPU if not given
        dtype: of floating tensors; that of the model's first floating parameter if not given
    """
    notes: list[str] = []
    first = next(candidates(model, factory, device=device, dtype=dtype, notes=notes), None)
    return first, tuple(notes)


def candidates(
    model: nn.Module,
    factory: Factory | None = None,
    ask: Ask | None = None,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | str | None = None,
    arguments: Mapping[str, Any] | None = None,
    notes: list[str],
) -> Iterator[Inputs]:
    """Yields the guesses that fit the signature of ``forward``, the likeliest first.

    A guess can still fail to run; then the next one should be tried.

    Args:
        model: which is asked
        factory: what built it
        ask: runs a method of the model, for facts that only a run can tell
        device: of the tensors; the CPU if not given
        dtype: of floating tensors; that of the model's first floating parameter if not given
        arguments: given by the user, by name
        notes: gets a line for each guess that doesn't fit
    """
    from modinspect.inputs import guess
    from modinspect.inputs.arguments import nested
    from modinspect.inputs.values import Inputs, model_dtype, place
    from modinspect.target import importable_cwd

    floating = _dtype(dtype) or model_dtype(model)
    where = device if device is not None else "cpu"

    def ask_here(method: str, arguments: Mapping[str, Any]) -> tuple[Output, ...] | None:
        return None if ask is None else ask(method, place(dict(arguments), where, floating))

    with importable_cwd(*(factory.directories if factory else ())):
        for found in guess.candidates(model, ask_here, notes, nested((arguments or {}).items())):
            args, kwargs = place(found.args, where, floating), place(found.kwargs, where, floating)
            yield Inputs(args, kwargs, found.how, (*notes, *found.notes))


def _dtype(dtype: Any) -> torch.dtype | None:
    import torch

    if dtype is None or isinstance(dtype, torch.dtype):
        return dtype
    name = dtype_name(dtype)
    if name is None:
        raise InputError(f"{dtype!r} isn't a dtype", "For example float32, bfloat16, float16.")
    found: torch.dtype = getattr(torch, name)
    return found
