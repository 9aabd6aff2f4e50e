"""Which rules there are, and which of them are meant: ``MI103``, all that begin with ``MI1``, or ``unregistered-weight``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from modinspect.errors import ConfigError
from modinspect.findings import RuleInfo, Severity
from modinspect.linter.rule import Rule
from modinspect.linter.rules import RULES, UnusedSuppression
from modinspect.wording import did_you_mean, sentences

UNUSED = UnusedSuppression()

CATALOG: tuple[Rule, ...] = (UNUSED, *RULES)
"""All rules, in the order of their ids."""


def matches(selector: str, rule: Rule) -> bool:
    """Whether ``selector`` is the rule's id, the beginning of it, or its name."""
    return selector == rule.name or (bool(selector) and rule.id.startswith(selector.upper()))


def is_known(selector: str) -> bool:
    """Whether ``selector`` means any rule."""
    return any(matches(selector, rule) for rule in CATALOG)


def find_rule(name: str) -> Rule:
    """The one rule with this id or name.

    Raises:
        ConfigError: there is none.
    """
    for rule in CATALOG:
        if name in (rule.id, rule.name) or name.upper() == rule.id:
            return rule
    raise unknown_rule(name)


def select_rules(select: Sequence[str] = (), ignore: Sequence[str] = ()) -> tuple[Rule, ...]:
    """The rules that ``select`` means, all if it is empty, without those that ``ignore`` means.

    Raises:
        ConfigError: a selector means no rule.
    """
    check_selectors([*select, *ignore])
    return tuple(
        rule
        for rule in CATALOG
        if (not select or any(matches(selector, rule) for selector in select))
        and not any(matches(selector, rule) for selector in ignore)
    )


def check_selectors(selectors: Iterable[str]) -> None:
    """Finds a selector that means nothing.

    Raises:
        ConfigError: there is one.
    """
    for selector in selectors:
        if not is_known(selector):
            raise unknown_rule(selector)


def by_id(severities: Mapping[str, Severity]) -> dict[str, Severity]:
    """What the findings of each rule count as, by the ids of the rules where names were given.

    Raises:
        ConfigError: a rule is named that there is not.
    """
    return {find_rule(rule).id: severity for rule, severity in severities.items()}


def unknown_rule(selector: str) -> ConfigError:
    """The error for a selector that means no rule."""
    names = [name for rule in CATALOG for name in (rule.id, rule.name)]
    return ConfigError(
        f"there is no rule {selector!r}", sentences(did_you_mean(selector, names), "'modinspect explain' lists all rules.")
    )


def rule_infos(rules: Iterable[Rule]) -> tuple[RuleInfo, ...]:
    """The rules as data."""
    return tuple(RuleInfo(rule.id, rule.name, rule.severity, rule.summary, rule.page) for rule in rules)
