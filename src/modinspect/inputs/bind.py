"""Checks that inputs fit the signature of ``forward`` before it runs, with messages in terms of ``--input``."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Sequence
from dataclasses import replace
from inspect import Parameter, Signature

from torch import nn

from modinspect.errors import InputError
from modinspect.inputs.spec import InputSpec
from modinspect.signatures import Misfit, argument_names, complaint, literal_type, misfit, signature_of
from modinspect.wording import did_you_mean, sentences


def check(model: nn.Module, positional: int, names: Collection[str]) -> tuple[str, ...]:
    """Notes on how the inputs fit the signature of ``forward``.

    Args:
        model: whose ``forward`` is asked
        positional: how many inputs have no name
        names: of the others

    Raises:
        InputError: they don't. If a decorator or hook can change the arguments, that is only a note: the call will show.
    """
    problem = problem_with(model, positional, names)
    if problem is None:
        return ()
    if _is_called_as_written(model):
        raise problem
    return (f"{problem.message}, according to its signature",)


def problem_with(model: nn.Module, positional: int, names: Collection[str]) -> InputError | None:
    """What is wrong with the inputs; ``None`` if they fit, or if the signature is unknown.

    Args:
        model: whose ``forward`` is asked
        positional: how many inputs have no name
        names: of the others
    """
    signature = signature_of(model.forward)
    found = misfit(signature, positional, names) if signature else None
    if signature is None or found is None:
        return None
    takes = f"forward takes: {', '.join(argument_names(signature)) or 'nothing'}."
    return InputError(
        f"forward of {type(model).__name__} {complaint(found, positional)}", sentences(_remedy(found, signature), takes)
    )


def _remedy(found: Misfit, signature: Signature) -> str:
    if found.unknown:
        by_name = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
        known = [p.name for p in signature.parameters.values() if p.kind in by_name]
        return sentences(*(did_you_mean(name, known) for name in found.unknown))
    if found.surplus or found.twice:
        return "Inputs without a name go to its arguments in order."
    if found.unnamed_only:
        return "Leave out the name."
    return f"Add {' '.join(map(_option, found.missing))}."


def named_around(model: nn.Module, specs: Sequence[InputSpec], given: Collection[str]) -> list[InputSpec]:
    """Names the specs that come after an argument in ``given``, which would take their position.

    Args:
        model: whose ``forward`` names the arguments
        specs: in the order given
        given: the names of arguments that have a value already
    """
    signature = signature_of(model.forward)
    kinds = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    places = [p.name for p in signature.parameters.values() if p.kind in kinds] if signature is not None else []
    first = next((index for index, name in enumerate(places) if name in given), len(places))
    free = iter(name for name in places[first:] if name not in given)
    unnamed = 0
    placed = []
    for spec in specs:
        if spec.name is None:
            unnamed += 1
            if first < unnamed:
                spec = replace(spec, name=next(free, None))  # noqa: PLW2901  (the spec under another name)
        placed.append(spec)
    return placed


def options_for(signature: Signature) -> str:
    """The options that set the required arguments: ``--input x=DIMS --arg mode=STRING``."""
    kinds = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
    required = [p for p in signature.parameters.values() if p.kind in kinds and p.default is Parameter.empty]
    return " ".join(map(_option, required))


def _option(parameter: Parameter) -> str:
    """The option that sets an argument: ``--arg`` if its annotation is a literal type, else ``--input``."""
    literal = literal_type(parameter.annotation)
    if literal is not None and parameter.kind is not Parameter.POSITIONAL_ONLY:
        return f"--arg {parameter.name}={literal}"
    return "--input DIMS" if parameter.kind is Parameter.POSITIONAL_ONLY else f"--input {parameter.name}=DIMS"


def _is_called_as_written(model: nn.Module) -> bool:
    """Whether calling the model passes its arguments to ``forward`` unchanged."""
    wrapped = hasattr(inspect.unwrap(model.forward, stop=lambda f: hasattr(f, "__wrapped__")), "__wrapped__")
    return not wrapped and not model._forward_pre_hooks and type(model).__call__ is nn.Module.__call__
