"""Do the inputs fit ``forward``? Said before it runs, in the words of ``--input``."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from inspect import Parameter, Signature

from torch import nn

from modinspect.errors import InputError
from modinspect.signatures import Misfit, argument_names, complaint, misfit, signature_of
from modinspect.wording import did_you_mean, sentences


def check(model: nn.Module, positional: int, names: Collection[str]) -> tuple[str, ...]:
    """Notes on how the inputs fit the signature of ``forward``.

    Raises:
        InputError: they don't. Where something stands before ``forward`` and may change its arguments (a decorator, a hook),
            that is a note: the call itself will tell.
    """
    problem = problem_with(model, positional, names)
    if problem is None:
        return ()
    if _is_called_as_written(model):
        raise problem
    return (f"{problem.message}, as far as its signature says",)


def problem_with(model: nn.Module, positional: int, names: Collection[str]) -> InputError | None:
    """What is wrong with the inputs, ``None`` where they fit or nobody can say."""
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
    specs = ["DIMS" if p.kind is Parameter.POSITIONAL_ONLY else f"{p.name}=DIMS" for p in found.missing]
    return f"Add {' '.join(f'--input {spec}' for spec in specs)}."


def _is_called_as_written(model: nn.Module) -> bool:
    """Whether calling the model passes the arguments on to ``forward`` as they are."""
    wrapped = hasattr(inspect.unwrap(model.forward, stop=lambda f: hasattr(f, "__wrapped__")), "__wrapped__")
    return not wrapped and not model._forward_pre_hooks and type(model).__call__ is nn.Module.__call__
