"""Guesses of inputs: one file for each place where models describe them, tried in this order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from torch import nn

from modinspect.inputs.bind import problem_with
from modinspect.inputs.guess import (
    default_cfg,
    dummy_inputs,
    example_input_array,
    token_ids,
    torchvision_weights,
    transformers,
)
from modinspect.inputs.guess.ask import Ask
from modinspect.inputs.values import Inputs
from modinspect.usercode import describe

__all__ = ["GUESSES", "Ask", "Guess", "candidates"]

Guess = Callable[[nn.Module, Ask], Iterable[Inputs]]
"""Yields possible inputs, the likeliest first. Exceptions come from the model and become notes."""

GUESSES: tuple[Guess, ...] = (
    dummy_inputs.guess,
    example_input_array.guess,
    default_cfg.guess,
    torchvision_weights.guess,
    transformers.guess,
    token_ids.guess,
)


def candidates(model: nn.Module, ask: Ask, notes: list[str], given: Mapping[str, Any] | None = None) -> Iterator[Inputs]:
    """Yields each guess that fits ``forward``, with the arguments ``given``; ``notes`` gets one on each that doesn't.

    Args:
        model: which is asked
        ask: runs a method of the model, for facts that only a run can tell
        notes: gets a line for each guess that doesn't fit
        given: arguments that the user gave, by name
    """
    for guess in GUESSES:
        name = guess.__module__.rpartition(".")[2]
        try:
            for inputs in guess(model, ask):
                whole = replace(inputs, kwargs={**inputs.kwargs, **(given or {})})
                problem = problem_with(model, len(whole.args), whole.kwargs)
                if problem is None:
                    yield whole
                else:
                    notes.append(f"{name} was not taken: {problem.message}")
        except (Exception, SystemExit) as error:
            notes.append(f"{name} of {type(model).__name__} raised {describe(error)}")
