"""A time series: past values, features of each step, and the values to predict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from modinspect.inputs.guess.transformers.facts import Facts
from modinspect.inputs.tensors import floats, ones


def argument(facts: Facts) -> str | None:
    """The argument of ``forward`` that takes past values."""
    return next((name for name in facts.parameters if name == "past_values"), None)


def alternatives(facts: Facts, name: str) -> Iterator[dict[str, Any]]:
    """Candidates with one value per step, or with the configured number."""
    lags = facts.find("lags_sequence") or ()
    ahead = facts.number("prediction_length", default=1)
    past = facts.number("context_length", "prediction_length", default=32) + max(lags, default=0)
    wide = facts.number("num_input_channels", "input_size", default=1)
    known = facts.number("num_time_features")
    for last in ((wide,), ()) if "num_input_channels" in vars(facts.config) or wide > 1 else ((), (1,)):
        about = {
            name: floats(1, past, *last),
            "past_observed_mask": ones(1, past, *last, dtype=torch.bool),
            "past_time_features": floats(1, past, known),
            "future_values": floats(1, ahead, *last),
            "future_time_features": floats(1, ahead, known),
            "past_values_padding": ones(1, past) * 0,
            "freq": ones(1, 1) * 0,
        }
        yield {key: value for key, value in about.items() if key in facts.parameters}
        yield {key: value for key, value in about.items() if key in facts.required or key == name}
