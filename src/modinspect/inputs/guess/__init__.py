"""Where models say themselves what to call them with: one file each, tried in this order."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from modinspect.inputs.bind import problem_with
from modinspect.inputs.guess import default_cfg, dummy_inputs, example_input_array
from modinspect.inputs.values import Inputs
from modinspect.usercode import describe

Guess = Callable[[nn.Module], "Inputs | None"]
"""Reads one place; ``None`` where the model says nothing there. Whatever it raises is the model's doing, and a note."""

GUESSES: tuple[Guess, ...] = (dummy_inputs.guess, example_input_array.guess, default_cfg.guess)


def first_guess(model: nn.Module) -> tuple[Inputs | None, tuple[str, ...]]:
    """The first guess that fits ``forward``, and notes on those before it that could not be taken."""
    notes: list[str] = []
    for guess in GUESSES:
        name = guess.__module__.rpartition(".")[2]
        try:
            inputs = guess(model)
        except (Exception, SystemExit) as error:
            notes.append(f"{name} of {type(model).__name__} raised {describe(error)}")
            continue
        problem = problem_with(model, len(inputs.args), inputs.kwargs) if inputs else None
        if problem:
            notes.append(f"{name} was not taken: {problem.message}")
        elif inputs:
            return inputs, tuple(notes)
    return None, tuple(notes)
