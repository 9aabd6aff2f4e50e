"""Train and eval mode."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from modinspect.errors import RunError
from modinspect.registered import switch_mode
from modinspect.usercode import describe, user_code

if TYPE_CHECKING:
    from torch import nn


@contextmanager
def in_mode(model: nn.Module, *, train: bool) -> Iterator[tuple[str, ...]]:
    """Puts the model into train or eval mode, and back afterwards.

    A model that can't be switched (what ``torch.export`` returns) stays as it is; a note that says so is yielded.

    Raises:
        RunError: its ``train()`` raised.
    """
    from modinspect.trace import saved_modes, walk

    put_modes_back = saved_modes([module for _, module in walk(model)])
    try:
        with user_code(RunError, f"model.train({train})"):
            refused = _switch(model, train=train)
        if refused is not None:
            put_modes_back()  # some of its modules may have been switched
        yield () if refused is None else (refused,)
    finally:
        put_modes_back()


def _switch(model: nn.Module, *, train: bool) -> str | None:
    try:
        switch_mode(model, "train" if train else "eval")
    except NotImplementedError as error:
        return f"ran in the mode that it was built in: model.train({train}) raised {describe(error)}"
    return None
