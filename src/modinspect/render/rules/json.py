"""Rules as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from msgspec import to_builtins

from modinspect.findings import RuleInfo


def render(rules: RuleInfo | Sequence[RuleInfo], _options: None = None) -> str:
    """One rule as an object, or several as a list."""
    data = to_builtins(rules) if isinstance(rules, RuleInfo) else [to_builtins(rule) for rule in rules]
    return json.dumps(data, indent=2) + "\n"
