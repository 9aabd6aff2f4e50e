"""All rules, in the order of their ids. A new rule is one new file and one line here; an id is never used again."""

from __future__ import annotations

from modinspect.lint.rule import Rule

RULES: tuple[Rule, ...] = ()
