"""The names that the package exports."""

import pytest

from modinspect import inputs
from modinspect.inputs import (
    values,
)


def test_the_package_has_what_it_says_it_has():
    assert [name for name in inputs.__all__ if not hasattr(inputs, name)] == []
    assert inputs.Inputs is values.Inputs
    with pytest.raises(AttributeError, match=r"module 'modinspect.inputs' has no attribute 'nothing'"):
        inputs.nothing  # noqa: B018
