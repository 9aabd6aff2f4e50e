"""The line of code that failed, as plain data: its text, and what the names in it were."""

from __future__ import annotations

from dataclasses import dataclass, field

from modinspect.report import Shape


@dataclass(frozen=True)
class NamedValue:
    """What a name such as ``x`` or ``self.bias`` referred to.

    Attributes:
        type: ``None``, ``Tensor`` or the name of another class.
        shape: of a tensor.
        origin: of a tensor, as in :class:`modinspect.report.Operand`.
        length: of a tuple, list or dictionary.
        is_argument: whether the name is an argument of the function.
    """

    type: str
    shape: Shape | None = None
    origin: str | None = None
    length: int | None = None
    is_argument: bool = False


@dataclass(frozen=True)
class FailedLine:
    """The innermost expression that failed in the user's code.

    Attributes:
        code: the text of the expression.
        function: the name of the function that it is in.
        operands: the texts of a call's or an operator's operands, the object of a method call first.
        callee: the last part of the called function's name; empty if the expression isn't a call.
        names: the variables and attributes in the expression.
        targets: the names on the left of an unpacking assignment.
        unpacked: the text of the tensor whose ``shape`` or ``size()`` is unpacked.
    """

    code: str
    function: str
    operands: tuple[str, ...] = ()
    callee: str = ""
    names: dict[str, NamedValue] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    unpacked: str = ""
