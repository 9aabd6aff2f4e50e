"""Rules as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from modinspect.findings import RuleInfo


def render(rules: RuleInfo | Sequence[RuleInfo], _options: None = None) -> str:
    """One rule as an object, or several as a list."""
    data = asdict(rules) if isinstance(rules, RuleInfo) else [asdict(rule) for rule in rules]
    return json.dumps(data, indent=2) + "\n"
