"""The command line laid over the configuration."""

from __future__ import annotations

import pytest

from modinspect.cli.lint_plan import Asked, plan
from modinspect.config import Config, Model, RunOptions
from modinspect.errors import ConfigError
from modinspect.linter.catalog import CATALOG

LISTED = Config(
    how=RunOptions(("1,10",), dtype="float16"),
    opaque=("timm.*",),
    models=(
        Model("pkg:Net", RunOptions(("2,3",)), {"width": 4}, ("MI1",)),
        Model("pkg:Text", RunOptions(input_fn="pkg:make", device="cpu")),
    ),
)


def test_the_listed_models_are_checked_where_none_is_named() -> None:
    first, second = plan(Asked(), LISTED)
    net, text = first.request, second.request
    assert (net.target, net.inputs, net.init, net.device, net.dtype, first.opaque) == (
        "pkg:Net", ("2,3",), {"width": 4}, "auto", "float16", ("timm.*",),
    )  # fmt: skip
    assert (text.target, text.inputs, text.input_fn, text.device) == ("pkg:Text", (), "pkg:make", "cpu")


def test_only_the_models_named_are_checked_and_a_listed_one_with_its_inputs() -> None:
    other, net = (job.request for job in plan(Asked(targets=("pkg:Other", "pkg:Net")), LISTED))
    assert (other.target, other.inputs, other.init) == ("pkg:Other", ("1,10",), {})
    assert (net.target, net.inputs, net.init) == ("pkg:Net", ("2,3",), {"width": 4})


def test_the_command_line_comes_first() -> None:
    asked = Asked(
        ("pkg:Net",), RunOptions(("9,9",), device="weightless"), {"width": 5, "depth": 1}, ("my.*",), include_installed=True
    )
    (job,) = plan(asked, LISTED)
    how = job.request
    assert (how.inputs, how.device, how.dtype, how.init) == (("9,9",), "weightless", "float16", {"width": 5, "depth": 1})
    assert (job.opaque, job.include_installed) == (("my.*",), True)


def test_a_model_that_is_listed_twice_has_two_labels() -> None:
    config = Config(models=(Model("pkg:Net", RunOptions(("1,1",))), Model("pkg:Net", RunOptions(("2,2",)))))
    jobs = plan(Asked(), config)
    assert [(job.label, job.request.target) for job in jobs] == [("pkg:Net", "pkg:Net"), ("pkg:Net #2", "pkg:Net")]


def rules(asked: Asked, config: Config) -> set[str]:
    (job,) = plan(asked, config)
    return set(job.rules)


ALL = {rule.id for rule in CATALOG}
NET = Asked(targets=("pkg:Net",))


def test_rules_are_selected_and_ignored_by_the_configuration() -> None:
    assert rules(NET, Config()) == ALL
    assert rules(NET, Config(select=("MI10",), ignore=("MI101",))) == {"MI102", "MI103", "MI104", "MI105"}


def test_select_on_the_command_line_sets_aside_what_the_configuration_selects_and_ignores() -> None:
    config = Config(select=("MI3",), ignore=("MI101",))
    assert rules(Asked(("pkg:Net",), select=("MI101",)), config) == {"MI101"}


def test_ignore_on_the_command_line_stands_in_place_of_the_configurations() -> None:
    config = Config(select=("MI10",), ignore=("MI101",))
    assert rules(Asked(("pkg:Net",), ignore=("MI102",)), config) == {"MI101", "MI103", "MI104", "MI105"}


def test_what_is_ignored_for_a_target_is_ignored_whatever_is_selected() -> None:
    config = Config(ignores={"pkg:*": ("MI103",), "other:*": ("MI102",)}, models=(Model("pkg:Net", ignore=("MI104",)),))
    assert rules(Asked(("pkg:Net",), select=("MI102", "MI103", "MI104")), config) == {"MI102"}


def test_without_any_model_it_says_how_to_name_one() -> None:
    with pytest.raises(ConfigError) as raised:
        plan(Asked(), Config())
    assert raised.value.message == "there is no model to lint"
    assert "[[tool.modinspect.models]]" in raised.value.hint


@pytest.mark.parametrize(
    "config",
    [
        Config(models=(Model("pkg:Other", ignore=("MI999",)),)),
        Config(ignores={"never:*": ("MI999",)}),
        Config(select=("MI999",)),
        Config(ignore=("MI999",)),
    ],
)
def test_a_rule_that_there_is_not_is_an_error_wherever_it_is_named(config: Config) -> None:
    with pytest.raises(ConfigError, match="there is no rule 'MI999'"):
        plan(NET, config)
