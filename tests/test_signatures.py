from __future__ import annotations

import inspect
from inspect import Parameter, Signature

from hypothesis import given
from hypothesis import strategies as st

from modinspect.signatures import argument_names, complaint, misfit, show_signature, signature_of

KINDS = [Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY]


@st.composite
def signatures(draw: st.DrawFn) -> Signature:
    """Signatures of up to four named parameters, with or without ``*args`` and ``**kwargs``."""
    kinds = sorted(draw(st.lists(st.sampled_from(KINDS), max_size=4)))
    plain = sum(kind is not Parameter.KEYWORD_ONLY for kind in kinds)
    first_default = draw(st.integers(0, plain))
    optional = [i >= first_default if i < plain else draw(st.booleans()) for i in range(len(kinds))]
    parameters = [
        Parameter(name, kind, default=0 if has_default else Parameter.empty)
        for name, kind, has_default in zip("abcd", kinds, optional, strict=False)
    ]
    if draw(st.booleans()):
        parameters.insert(plain, Parameter("rest", Parameter.VAR_POSITIONAL))
    if draw(st.booleans()):
        parameters.append(Parameter("options", Parameter.VAR_KEYWORD))
    return Signature(parameters)


@given(signatures(), st.integers(0, 5), st.sets(st.sampled_from("abcdx")))
def test_arguments_misfit_exactly_when_python_refuses_them(signature: Signature, positional: int, keywords: set[str]):
    unnamed = {p.name for p in signature.parameters.values() if p.kind is Parameter.POSITIONAL_ONLY}
    if any(p.kind is Parameter.VAR_KEYWORD for p in signature.parameters.values()):
        keywords = keywords - unnamed  # Python takes such a name for **kwargs; nobody writes that
    try:
        signature.bind(*[0] * positional, **dict.fromkeys(keywords, 0))
        fits = True
    except TypeError:
        fits = False
    found = misfit(signature, positional, sorted(keywords))
    assert (found is None) == fits
    assert found is None or complaint(found, positional)


def test_a_signature_is_shown_as_one_writes_it():
    def f(a: int, b: str = "x", /, c=None, *rest: float, d: bool, **options): ...

    assert show_signature("f", inspect.signature(f)) == "f(a: int, b: str = 'x', /, c=None, *rest: float, d: bool, **options)"
    assert argument_names(inspect.signature(f)) == ("a", "b", "c", "*rest", "d", "**options")


def test_keyword_only_arguments_are_set_off():
    def f(a, *, b, c=1): ...

    assert show_signature("f", inspect.signature(f)) == "f(a, *, b, c=1)"


def test_a_long_signature_has_one_argument_a_line():
    def f(first_argument: int, second_argument: str = "abcdefgh", third_argument: float = 0.5, fourth: bool = True): ...

    assert show_signature("f", inspect.signature(f)).splitlines() == [
        "f(",
        "    first_argument: int,",
        "    second_argument: str = 'abcdefgh',",
        "    third_argument: float = 0.5,",
        "    fourth: bool = True,",
        ")",
    ]


def test_what_would_not_read_well_in_a_signature_is_left_out():
    class Odd:
        def __repr__(self):
            raise RuntimeError

    def f(a=Odd(), b=object(), c="x" * 100): ...  # noqa: B008

    assert show_signature("f", inspect.signature(f)) == "f(a=..., b=..., c=...)"


def test_what_has_no_signature_has_none():
    class Odd:
        __signature__ = "none"

        def __call__(self): ...

    assert signature_of(type) is None
    assert signature_of(Odd()) is None
