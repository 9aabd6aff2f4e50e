"""Writes ``docs/torch-internals.md`` from the records in ``modinspect/trace/_torch``.

python docs/make_torch_internals.py
"""

import importlib
import pkgutil
from pathlib import Path

from modinspect.trace import _torch

PAGE = Path(__file__).parent / "torch-internals.md"

HEAD = """# Private parts of torch

Made by `make docs` from `src/modinspect/trace/_torch/`, the only package that touches them. Each file lists what it uses, and a
test compares these lists with the code. A new torch release is checked here first. Empty columns mean all supported versions.
"""


def page() -> str:
    """The text of the page."""
    modules = [importlib.import_module(f"{_torch.__name__}.{info.name}") for info in pkgutil.iter_modules(_torch.__path__)]
    return "\n".join([HEAD, *(line for module in modules for line in _section(module))])


def _section(module: object) -> list[str]:
    uses, patches = getattr(module, "USES", ()), getattr(module, "PATCHES", ())
    if not uses and not patches:
        return []
    name = module.__name__.rpartition(".")[2]
    lines = [f"## {name}.py", "", str(module.__doc__).strip().partition("\n\n")[0], ""]
    if uses:
        lines += ["| private | why | since | until |", "| --- | --- | --- | --- |"]
        lines += [f"| `{use.name}` | {use.why} | {use.since} | {use.until} |" for use in uses]
        lines.append("")
    if patches:
        lines += ["| replaced during a run | why |", "| --- | --- |"]
        lines += [f"| `{patch.name}` | {patch.why} |" for patch in patches]
        lines.append("")
    return lines


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
