"""Arguments and options of the command line, each described once for all commands that take it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import typer

from modinspect.render import Format, formats_help

RUN, ROWS, RESULT = "How it runs", "What the table shows", "Where the result goes"

FLAG = ""
"""What stands behind an option that takes no value; typer would write ``<bool>``."""

Target = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        help="pkg.mod.Class, pkg.mod:Class or path/to/file.py:Class. A call may follow: 'pkg.mod:Class(width=64)'.",
        show_default=False,
    ),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        "-i",
        metavar="SPEC",
        help=r"An argument of forward: \[name=]DIMS\[:dtype]\[:fill], such as 1,10 or ids=1,128:int64, or @FILE. Repeatable.",
        rich_help_panel=RUN,
    ),
]
Arguments = Annotated[
    list[str] | None,
    typer.Option(
        "--arg",
        metavar="NAME=LITERAL",
        help="An argument of forward that isn't a tensor: mode=train, n=2. Repeatable.",
        rich_help_panel=RUN,
    ),
]
InputFn = Annotated[
    str | None,
    typer.Option(
        "--input-fn",
        metavar="TARGET",
        help="A function that returns what forward gets: args, kwargs or (args, kwargs).",
        rich_help_panel=RUN,
    ),
]
Init = Annotated[
    list[str] | None,
    typer.Option(
        "--init",
        metavar="KEY=VALUE",
        help="An argument of the constructor, a Python literal. Repeatable.",
        rich_help_panel=RUN,
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="DEVICE",
        help="auto (no memory for weights where that is possible), weightless (never with), cpu, cuda, cuda:1, mps, "
        "or weightless:cuda.",
        show_default="auto",
        rich_help_panel=RUN,
    ),
]
Dtype = Annotated[
    str | None,
    typer.Option(
        "--dtype",
        metavar="DTYPE",
        help="For parameters and floating inputs: bfloat16, float16, ...",
        rich_help_panel=RUN,
    ),
]
Train = Annotated[bool, typer.Option("--train", metavar=FLAG, help="Train mode instead of eval.", rich_help_panel=RUN)]
Grad = Annotated[bool, typer.Option("--grad", metavar=FLAG, help="With autograd instead of no_grad.", rich_help_panel=RUN)]
Opaque = Annotated[
    list[str] | None,
    typer.Option(
        "--opaque",
        metavar="GLOB",
        help="Classes that count as one layer, such as 'timm.layers.*'. Repeatable.",
        rich_help_panel=RUN,
    ),
]
Depth = Annotated[
    int | None,
    typer.Option(
        "--depth",
        metavar="N",
        min=0,
        help="Sum up what is nested more deeply; the model itself is 0.",
        rich_help_panel=ROWS,
    ),
]
Expand = Annotated[bool, typer.Option("--expand", metavar=FLAG, help="Show each of repeated blocks.", rich_help_panel=ROWS)]
Ops = Annotated[
    Literal["all", "compute", "none"],
    typer.Option("--ops", metavar="all|compute|none", help="Which hidden ops get a row.", rich_help_panel=ROWS),
]
Aten = Annotated[
    bool, typer.Option("--aten", metavar=FLAG, help="Show the ATen operators that each op became.", rich_help_panel=ROWS)
]


def format_of(formats: Sequence[Format]) -> Any:
    """The type of ``--format`` for a command with these formats, with its help."""
    names = tuple(known.name for known in formats)
    return Annotated[
        Literal[names],
        typer.Option("--format", metavar="|".join(names), help=f"{formats_help(formats)}.", rich_help_panel=RESULT),
    ]


Output = Annotated[
    str,
    typer.Option(
        "--output", "-o", metavar="FILE", help="Written whole or not at all; - is standard output.", rich_help_panel=RESULT
    ),
]
Traceback = Annotated[
    bool, typer.Option("--traceback", metavar=FLAG, help="Print the Python traceback of an error too.", rich_help_panel=RESULT)
]
