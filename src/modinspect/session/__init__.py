"""One way to run a target for every command: build it, choose its inputs, run it weightless or with real weights.

    with open_target(Request("pkg.mod:Net", ("1,10",)), tell) as recipe:
        report = inspect_recipe(recipe, Inspection())

:func:`run_target` holds the fallback from weightless to real weights, whatever is done with the model.
"""

from __future__ import annotations

from modinspect.session.fallback import Built, run_target
from modinspect.session.inspection import Inspection, inspect_recipe
from modinspect.session.memory import available_memory
from modinspect.session.modes import in_mode
from modinspect.session.recipe import Recipe, first_that_runs, how_to_give, open_target
from modinspect.session.request import Request

__all__ = [
    "Built",
    "Inspection",
    "Recipe",
    "Request",
    "available_memory",
    "first_that_runs",
    "how_to_give",
    "in_mode",
    "inspect_recipe",
    "open_target",
    "run_target",
]
