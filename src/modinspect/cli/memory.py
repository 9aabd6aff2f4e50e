"""``modinspect memory``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from modinspect.cli import options
from modinspect.cli.limits import limited
from modinspect.cli.messages import errors_told, found
from modinspect.cli.progress import live_line
from modinspect.cli.streams import check_destination, stdout_for_results, write_result
from modinspect.cli.verdict import is_seen
from modinspect.render import MEMORY_FORMATS, find_format

if TYPE_CHECKING:
    from modinspect.memory import MemoryReport
    from modinspect.session import Request

    Format = str
else:
    Format = options.format_of(MEMORY_FORMATS)

DOES_NOT_FIT = 1

MEMORY_EXAMPLES = r"""
[bold]Examples[/bold]

modinspect memory transformers.GPT2Model -i 4,256:int64

modinspect memory models/net.py:Net -i 64,3,224,224 --optimizer sgd-momentum --fits 24GiB

modinspect memory transformers.BertModel -i 32,512:int64 --checkpoint 'encoder.layer.*' --autocast bfloat16
"""

TRAINING = "How it trains"

Optimizer = Annotated[
    Literal["adamw", "adam", "sgd", "sgd-momentum", "none"],
    typer.Option("--optimizer", help="Whose state and step are counted.", rich_help_panel=TRAINING),
]
Fits = Annotated[
    str | None,
    typer.Option(
        "--fits",
        metavar="SIZE",
        help="Exit with 1 if training takes more, such as 24GiB; also finds the largest batch that fits.",
        rich_help_panel=TRAINING,
    ),
]
Checkpoint = Annotated[
    list[str] | None,
    typer.Option(
        "--checkpoint",
        metavar="GLOB",
        help="Modules that recompute their activations in backward, such as 'h.*'. Repeatable.",
        rich_help_panel=TRAINING,
    ),
]
Autocast = Annotated[
    Literal["bfloat16", "float16"] | None,
    typer.Option("--autocast", metavar="DTYPE", help="Run forward under torch.autocast.", rich_help_panel=TRAINING),
]


def memory(
    target: options.Target,
    *,
    inputs: options.Inputs = None,
    optimizer: Optimizer = "adamw",
    fits: Fits = None,
    checkpoint: Checkpoint = None,
    autocast: Autocast = None,
    arguments: options.Arguments = None,
    input_fn: options.InputFn = None,
    init: options.Init = None,
    dtype: options.Dtype = None,
    output_format: Format = "text",
    output: options.Output = "-",
    traceback: options.Traceback = False,
) -> None:
    """Estimate the GPU memory of inference and training, without a GPU: peaks, what backward keeps, what would fit.

    Runs inference and two training steps without memory for tensors. The loss is the sum of the first output.
    """

    def work(ends: bool) -> None:
        with errors_told(with_traceback=traceback), stdout_for_results(for_good=ends) as stdout:
            check_destination(output)
            from modinspect.cli.styled import styled, terminal_width
            from modinspect.memory import parse_size
            from modinspect.render.memory import memory_text

            limit = None if fits is None else parse_size(fits)
            with live_line() as progress:
                request = _request(target, inputs, input_fn, init, dtype, arguments)
                report = _measured(request, optimizer, autocast, tuple(checkpoint or ()), limit, progress)
            if output_format == "text":
                text = styled(memory_text(report, terminal_width(output, stdout)), output, stdout)
            else:
                text = find_format(MEMORY_FORMATS, output_format).render(report)
            write_result(text, output, stdout)
            if report.fits is False:
                if not is_seen(output_format, output, stdout):
                    found(f"training {target} takes {report.bytes.training_peak / 2**30:.2f} GiB, more than {fits}")
                raise typer.Exit(DOES_NOT_FIT)

    limited(work, None)


def _request(
    target: str,
    inputs: Sequence[str] | None,
    input_fn: str | None,
    init: Sequence[str] | None,
    dtype: str | None,
    arguments: Sequence[str] | None,
) -> Request:
    from modinspect.inputs import parse_arguments
    from modinspect.session import Request
    from modinspect.target import parse_init

    return Request(
        target, tuple(inputs or ()), input_fn, parse_init(init or ()), dtype=dtype, arguments=parse_arguments(arguments or ())
    )


def _measured(
    request: Request,
    optimizer: str,
    autocast: str | None,
    checkpoint: tuple[str, ...],
    limit: int | None,
    progress: Callable[[str], None] | None,
) -> MemoryReport:
    from modinspect.api import measure_memory

    return measure_memory(
        request, optimizer=optimizer, autocast=autocast, checkpoint=checkpoint, limit=limit, progress=progress
    )
