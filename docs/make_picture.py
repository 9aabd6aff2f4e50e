"""Writes the README's picture: what ``modinspect show`` prints for ``docs/examples/tiny.py``, in colour.

python docs/make_picture.py
"""

from __future__ import annotations

import io
import os
from pathlib import Path

from rich.console import Console
from rich.text import Text

import modinspect
from modinspect.render.table import View, render_table

DOCS = Path(__file__).parent
PICTURE = DOCS / "images" / "show.svg"
TARGET = "tiny.py:Tiny"


def svg() -> str:
    """The picture as SVG, the same each time."""
    before = Path.cwd()
    os.chdir(DOCS / "examples")  # so that the picture says tiny.py, not docs/examples/tiny.py
    try:
        report = modinspect.inspect_target(TARGET)
        console = Console(
            file=io.StringIO(), record=True, width=104, force_terminal=True, color_system="truecolor", legacy_windows=False
        )
        console.print(Text(f"$ modinspect show {TARGET}", style="bold"))
        console.print(render_table(report, View()))
        return console.export_svg(title="modinspect", unique_id="modinspect")
    finally:
        os.chdir(before)


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(svg(), encoding="utf-8")
