"""The one rule about modinspect's own comments. It reads files, and asks nothing of a model."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.rule import PendingFinding, Rule, Runs


class UnusedSuppression(Rule):
    """A comment `# modinspect: ignore[...]` that suppresses nothing.

    ## What it does
    Reports a comment `# modinspect: ignore[MI103]` on a line where MI103 finds nothing, and one that names no rule.

    ## Why it is bad
    The comment says that something is wrong with the line and accepted. Once the code is right it misleads the reader, and it
    would silence the same mistake when somebody makes it again.

    ## Example
    ```python
    x = self.fc(x)  # modinspect: ignore[MI103]
    ```

    ## Use instead
    ```python
    x = self.fc(x)
    ```

    ## How it is found
    The comments of each file that the models' code ran from are read and compared with the findings. Only a comment on a line
    that ran, or that registers a module or a tensor, is judged, and only where the rules that it names could be decided for
    each model that the line belongs to. While one of the models could not be checked, nothing is said.

    ## When to ignore it
    Where the finding comes and goes, with another version of torch say: ignore MI001 for that model in `pyproject.toml`.

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
