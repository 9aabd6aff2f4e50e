"""``patched`` leaves no trace."""

from __future__ import annotations

import types

import pytest

from modinspect.patching import patched


class Base:
    def method(self) -> str:
        return "base"

    @classmethod
    def made(cls) -> str:
        return cls.__name__


class Derived(Base):
    @staticmethod
    def own() -> str:
        return "own"


def test_the_attribute_is_another_inside_the_block_only() -> None:
    module = types.ModuleType("some_module")
    module.value = 1  # type: ignore[attr-defined]
    with patched(module, "value", 2):
        assert module.value == 2
    assert module.value == 1


def test_an_inherited_attribute_is_inherited_again() -> None:
    with patched(Derived, "method", lambda self: "patched"):
        assert Derived().method() == "patched"
        assert Base().method() == "base"
    assert "method" not in vars(Derived)
    assert Derived().method() == "base"


def test_descriptors_are_put_back_as_they_were() -> None:
    static, bound = vars(Derived)["own"], vars(Base)["made"]
    with patched(Derived, "own", None), patched(Base, "made", None):
        pass
    assert vars(Derived)["own"] is static
    assert vars(Base)["made"] is bound
    assert Derived.made() == "Derived"


def test_it_is_put_back_when_the_block_raises() -> None:
    instance = Base()
    with pytest.raises(ValueError, match="inside"), patched(instance, "method", None):
        raise ValueError("inside")
    assert vars(instance) == {}


def test_patches_of_one_attribute_nest() -> None:
    with patched(Base, "method", 1):
        with patched(Base, "method", 2):
            assert Base.method == 2
        assert Base.method == 1
    assert Base().method() == "base"
