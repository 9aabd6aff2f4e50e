from __future__ import annotations

import re

import pytest

from modinspect.errors import ConfigError
from modinspect.findings import SEVERITIES
from modinspect.linter.catalog import CATALOG, by_id, find_rule, rule_infos, select_rules
from modinspect.linter.rule import HEADINGS


def ids(*args: list[str]) -> list[str]:
    return [rule.id for rule in select_rules(*args)]


def test_ids_and_names_are_there_once_and_in_order() -> None:
    found = [rule.id for rule in CATALOG]
    assert found == sorted(set(found))
    assert all(re.fullmatch(r"MI[0-9]{3}", rule) for rule in found)
    assert len({rule.name for rule in CATALOG}) == len(CATALOG)
    assert all(rule.severity in SEVERITIES for rule in CATALOG)


def test_all_rules_are_chosen_where_nothing_is_said() -> None:
    assert select_rules() == CATALOG


@pytest.mark.parametrize(
    ("select", "ignore", "expected"),
    [
        (["MI103"], [], ["MI103"]),
        (["mi103"], [], ["MI103"]),
        (["unregistered-weight"], [], ["MI103"]),
        (["MI10"], ["MI101", "MI104"], ["MI102", "MI103", "MI105"]),
        (["MI103", "MI001"], [], ["MI001", "MI103"]),
        (["MI103"], ["MI"], []),
    ],
)
def test_rules_are_chosen_by_id_beginning_and_name(select: list[str], ignore: list[str], expected: list[str]) -> None:
    assert ids(select, ignore) == expected


@pytest.mark.parametrize("selector", ["MI999", "", "weight", "X"])
def test_a_selector_that_means_nothing_is_an_error(selector: str) -> None:
    with pytest.raises(ConfigError, match="there is no rule"):
        select_rules([], [selector])


def test_the_error_names_what_was_probably_meant() -> None:
    with pytest.raises(ConfigError) as raised:
        find_rule("unregisterd-weight")
    assert "Did you mean 'unregistered-weight'" in raised.value.hint


def test_severities_go_by_id() -> None:
    assert by_id({"unregistered-weight": "info", "mi104": "error"}) == {"MI103": "info", "MI104": "error"}


def test_the_page_of_the_rule_about_comments_has_all_headings() -> None:
    (info,) = rule_infos([find_rule("MI001")])
    assert tuple(re.findall(r"^## (.+)$", info.page, re.MULTILINE)) == HEADINGS
    assert info.summary == info.page.partition("\n")[0]
