"""Writes a page for each rule of ``modinspect lint`` into ``docs/rules``, from the rules' docstrings.

python docs/make_rules.py
"""

from pathlib import Path

from modinspect.linter.catalog import CATALOG, rule_infos
from modinspect.render.rules import rule_index, rule_markdown

DIRECTORY = Path(__file__).parent / "rules"


def pages() -> dict[str, str]:
    """The text of each page by the name of its file."""
    rules = rule_infos(CATALOG)
    return {"README.md": rule_index(rules), **{f"{rule.id}.md": rule_markdown(rule) for rule in rules}}


def main() -> None:
    """Writes the pages, and removes those of rules that are gone."""
    DIRECTORY.mkdir(exist_ok=True)
    wanted = pages()
    for old in DIRECTORY.glob("*.md"):
        if old.name not in wanted:
            old.unlink()
    for name, text in wanted.items():
        (DIRECTORY / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
