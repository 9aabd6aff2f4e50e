"""Comments ``# modinspect: ignore[MI103]`` in Python files.

A comment applies to its whole statement, however many lines that has. Comments are found with ``tokenize``, so text in a string
that looks like one doesn't count.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modinspect.report import Source

_MARK = b"modinspect:"
_COMMENT = re.compile(r"modinspect:\s*ignore\b(?:\[([^\]]*)\])?")
_NO_CODE = frozenset(
    {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER}
)


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment: what it names, and the lines that it applies to. ``on_own_line``: it isn't part of a statement."""

    file: str
    line: int
    code: str
    selectors: tuple[str, ...]
    first: int
    last: int
    on_own_line: bool

    def covers(self, source: Source | None) -> bool:
        """Whether it speaks for that place."""
        return source is not None and source.file == self.file and self.first <= source.line <= self.last


def comments_in(file: str) -> tuple[Comment, ...]:
    """The comments of a file, in order; none where there is no such file: code that was typed in, or generated."""
    try:
        with open(file, "rb") as opened:
            content = opened.read()
    except (OSError, ValueError):
        return ()
    # Files with a null byte aren't Python, and the tokenizer of Python 3.13.0 raises too late.
    return tuple(_comments(file, content)) if _MARK in content and b"\0" not in content else ()


def _comments(file: str, content: bytes) -> Iterator[Comment]:
    statement: list[tokenize.TokenInfo] = []
    try:
        for token in tokenize.tokenize(io.BytesIO(content).readline):
            statement.append(token)
            ends = token.type == tokenize.NEWLINE
            if ends or (token.type == tokenize.NL and all(earlier.type in _NO_CODE for earlier in statement)):
                yield from _in_statement(file, statement)
                statement = []
    except (tokenize.TokenError, SyntaxError, ValueError):
        return  # it was changed after the run and isn't Python now
    yield from _in_statement(file, statement)


def _in_statement(file: str, tokens: Sequence[tokenize.TokenInfo]) -> Iterator[Comment]:
    code = [token for token in tokens if token.type not in _NO_CODE]
    for token in tokens:
        if token.type != tokenize.COMMENT:
            continue
        line = token.start[0]
        first, last = (code[0].start[0], max(code[-1].end[0], line)) if code else (line, line)
        for match in _COMMENT.finditer(token.string):
            named = tuple(part.strip() for part in (match[1] or "").split(",") if part.strip())
            text = token.line.splitlines()[-1].strip() if token.line else token.string
            yield Comment(file, line, text, named, first, last, not code)
