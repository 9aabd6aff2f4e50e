"""The glyphs of the page, and what stands for them on a console that can print nothing but ASCII."""

from __future__ import annotations

from dataclasses import dataclass

from modinspect.render.table.marks import Mark


@dataclass(frozen=True, slots=True)
class Symbols:
    """One set of glyphs. Those that draw the tree are two cells wide."""

    ascii_only: bool
    fork: str
    corner: str
    bar: str
    blank: str
    deep: str
    rule: str
    times: str
    dash: str
    ellipsis: str
    becomes: str
    dot: str
    differs: str
    about: str

    def mark(self, mark: Mark) -> str:
        """A mark's symbol."""
        return mark.plain if self.ascii_only else mark.symbol

    def spell(self, text: str) -> str:
        """``text``, that is modinspect's own, in these glyphs."""
        if not self.ascii_only or text.isascii():
            return text
        for glyph, symbol in _SPELLED:
            text = text.replace(glyph, symbol)
        return text


UNICODE = Symbols(False, "├ ", "└ ", "│ ", "  ", "⋮", "─", "×", "–", "…", "→", "·", "≠", "≈")
ASCII = Symbols(True, "|-", "`-", "| ", "  ", ":", "-", "x", "-", "..", "->", "-", "!=", "~")
_SPELLED = (("×", "x"), ("–", "-"), ("…", ".."), ("→", "->"), ("·", "-"), ("≠", "!="), ("≈", "~"))
