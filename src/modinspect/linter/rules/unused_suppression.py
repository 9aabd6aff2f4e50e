"""The one rule about modinspect's own comments. It reads files, and asks nothing of a model."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.rule import PendingFinding, Rule, Runs


class UnusedSuppression(Rule):
    """A `# modinspect: ignore[...]` comment suppresses nothing.

    ## What it does
    Checks for `# modinspect: ignore[MI103]` comments on lines where the named rule finds nothing, and for comments that
    name no known rule.

    ## Why it is bad
    The comment claims that the line has a problem that was accepted. Once the code is fixed, it misleads readers, and
    it would hide the same mistake if it came back.

    ## Example
    ```python
    x = self.fc(x)  # modinspect: ignore[MI103]
    ```

    ## Use instead
    ```python
    x = self.fc(x)
    ```

    ## How it is found
    After all models were checked, the comments in the files they ran are compared with the findings. A comment is only
    judged if its line ran, or registers a module or tensor, and if the rules it names were decided for every model that
    uses the line. If a model could not be checked, this rule reports nothing.

    ## When to ignore it
    If a finding depends on the environment, such as the torch version: ignore MI001 for that model in `pyproject.toml`.

    ## References
    The same question is put by [ruff's unused-noqa](https://docs.astral.sh/ruff/rules/unused-noqa/) and by
    [mypy's unused-ignore](https://mypy.readthedocs.io/en/stable/error_code_list2.html#check-that-type-ignore-comment-is-used-unused-ignore).
    """

    id = "MI001"
    name = "unused-suppression"
    severity = "warning"

    def check(self, runs: Runs) -> Iterator[PendingFinding]:  # noqa: ARG002
        """Nothing: whether a comment is used shows when all rules were asked about all models, see ``suppress.py``."""
        return iter(())
