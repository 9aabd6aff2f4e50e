"""Lists the changes that no test noticed in the last ``mutmut run``, without those that docs/mutation.md explains.

Exits with 1 if there are any. Changed words of a message don't count: a test for each would be a copy of the message.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "mutation.md"
UNNOTICED = ("survived", "no tests")


def unnoticed(results: str) -> list[str]:
    """The names of the changes that no test noticed, from what ``mutmut results`` prints."""
    rows = (line.strip().rpartition(": ") for line in results.splitlines())
    return [name for name, _, status in rows if status in UNNOTICED]


def change(diff: str) -> tuple[str, str]:
    """The lines before and after, from what ``mutmut show`` prints; each side on one line."""
    before, after = (re.findall(rf"^\{sign}(?!{re.escape(sign * 2)})(.*)$", diff, re.MULTILINE) for sign in "-+")
    return " ".join(line.strip() for line in before), " ".join(line.strip() for line in after)


def changes_a_message(before: str, after: str) -> bool:
    """Whether the sides differ only in a string of several words."""
    sentence = r'"[^"]* [^"]*"'
    return before != after and re.sub(sentence, '""', before) == re.sub(sentence, '""', after)


def described(name: str, before: str, after: str) -> str:
    """A change as the page lists it."""
    function = re.sub(r"^x_|__mutmut_\d+$", "", name.rpartition(".")[2].replace("xǁ", "").replace("ǁ", "."))
    return f"{function}: `{before}` → `{after}`"


def main() -> int:
    """Prints the changes that neither a test notices nor the page explains."""
    page = PAGE.read_text(encoding="utf-8")
    found = 0
    for name in unnoticed(_mutmut("results")):
        before, after = change(_mutmut("show", name))
        line = described(name, before, after)
        if not changes_a_message(before, after) and line not in page:
            print(line)
            found += 1
    print(f"{found} changes that no test notices and docs/mutation.md doesn't explain", file=sys.stderr)
    return 1 if found else 0


def _mutmut(*arguments: str) -> str:
    command = [sys.executable, "-m", "mutmut", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
