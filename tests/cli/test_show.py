"""``modinspect show`` from its arguments to its exit code; what stands in the report and the table is tested with those."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

import modinspect as modinspect_package
from modinspect.cli.verdict import is_seen
from modinspect.render import REPORT_FORMATS, formats_help
from modinspect.report import Report
from tests.cli.cli_helpers import Modinspect

EXAMPLE = ("show", "modinspect.examples.MyModel")

MODELS = """
import torch
from torch import nn

class Wide(nn.Module):
    def __init__(self, width=3):
        super().__init__()
        self.fc = nn.Linear(10, width)
        self.drop = nn.Dropout()

    def forward(self, x, scale=None):
        y = self.drop(self.fc(x))
        return y if scale is None else y * scale

class Raises(nn.Module):
    def forward(self, x):
        x = x + 1
        raise ValueError("the [bold]model[/bold] said \\x1b[31mno")

class Exits(nn.Module):
    def forward(self, x):
        raise SystemExit(7)

def make():
    return (torch.ones(1, 10),), {"scale": torch.ones(1)}
"""


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("models.py").write_text(MODELS)
    return "models.py"


def test_the_table_goes_to_stdout_and_nothing_to_stderr(modinspect: Modinspect) -> None:
    ran = modinspect(*EXAMPLE, "--input", "1,10")
    assert (ran.code, ran.err) == (0, "")
    assert "F.linear" in ran.out
    assert "unregistered" in ran.out
    assert "\x1b" not in ran.out


def test_json_is_a_whole_report(modinspect: Modinspect) -> None:
    ran = modinspect(*EXAMPLE, "-i", "1,10", "--format", "json")
    assert (ran.code, ran.err) == (0, "")
    report = Report.from_dict(json.loads(ran.out))
    assert report.totals.params == 55
    assert [op.name.rpartition(".")[2] for op in report.ops] == ["linear", "relu", "rand", "linear"]


def test_the_help_lists_every_format_with_what_it_is_for(modinspect: Modinspect) -> None:
    shown = " ".join(modinspect("show", "--help").out.replace("│", "").split())
    assert formats_help(REPORT_FORMATS) in shown


def test_without_an_input_the_registered_half_is_shown(modinspect: Modinspect) -> None:
    ran = modinspect(*EXAMPLE)
    assert ran.code == 0
    assert "--input" in ran.out


@pytest.mark.parametrize("format_", [known.name for known in REPORT_FORMATS])
def test_the_output_goes_to_a_file_instead(modinspect: Modinspect, tmp_path: Path, format_: str) -> None:
    file = tmp_path / "report"
    ran = modinspect(*EXAMPLE, "--input", "1,10", "--format", format_, "--output", str(file))
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert "MyModel" in file.read_text()


def test_a_wrong_output_is_found_before_the_model_is_run(modinspect: Modinspect, models: str) -> None:
    ran = modinspect("show", f"{models}:Exits", "--input", "1,10", "--output", "no/where")
    assert ran.code == 2
    assert "no directory" in ran.err


def report_of(modinspect: Modinspect, *args: str) -> dict[str, Any]:
    ran = modinspect("show", *args, "--format", "json")
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


@pytest.mark.slow
def test_the_options_reach_the_run(modinspect: Modinspect, models: str) -> None:
    wide = f"{models}:Wide"
    assert report_of(modinspect, wide, "--init", "width=7", "-i", "1,10")["outputs"][0]["shape"] == [1, 7]
    assert report_of(modinspect, wide, "-i", "1,10")["model"]["training"] is False
    assert report_of(modinspect, wide, "-i", "1,10", "--train")["model"]["training"] is True
    assert report_of(modinspect, wide, "-i", "1,10", "--device", "cpu")["model"]["execution"] == "real"
    assert report_of(modinspect, wide, "-i", "1,10", "--dtype", "float64")["outputs"][0]["dtype"] == "float64"
    assert len(report_of(modinspect, wide, "--input-fn", "models:make")["inputs"]) == 2
    assert len(report_of(modinspect, wide, "-i", "1,10", "-i", "scale=1")["inputs"]) == 2
    layers = [module["layer"] for module in report_of(modinspect, wide, "-i", "1,10", "--opaque", "*.Wide")["modules"]]
    assert layers[0] is True


def test_the_options_reach_the_table(modinspect: Modinspect) -> None:
    def table(*args: str) -> str:
        return modinspect(*EXAMPLE, "-i", "1,10", *args).out

    assert "addmm" not in table()
    assert "addmm" in table("--aten")
    assert "torch.rand " in table("--ops", "all")
    assert "Linear" not in table("--depth", "0")


def test_only_text_on_a_terminal_needs_no_further_word() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert is_seen("text", "-", Terminal())
    assert not is_seen("text", "-", io.StringIO())
    assert not is_seen("json", "-", Terminal())
    assert not is_seen("text", "report.txt", Terminal())


def test_a_forward_that_raises_shows_what_ran_and_ends_with_2(modinspect: Modinspect, models: str) -> None:
    ran = modinspect("show", f"{models}:Raises", "-i", "1,10")
    failed = rf"error: {models}:Raises: forward raised ValueError at models.py:18: the [bold]model[/bold] said \x1b[31mno"
    assert (ran.code, ran.err) == (2, failed + "\n")
    assert "ValueError" in ran.out
    assert r"the [bold]model[/bold] said \x1b[31mno" in ran.out
    assert "Traceback" not in ran.out


def test_traceback_goes_to_stderr_and_the_table_to_stdout(modinspect: Modinspect, models: str) -> None:
    ran = modinspect("show", f"{models}:Raises", "-i", "1,10", "--traceback")
    assert ran.code == 2
    assert ran.err.startswith("Traceback (most recent call last)")
    assert r"ValueError: the [bold]model[/bold] said \x1b[31mno" in ran.err
    assert "Traceback" not in ran.out


def test_a_forward_that_exits_does_not_end_modinspect(modinspect: Modinspect, models: str) -> None:
    ran = modinspect("show", f"{models}:Exits", "-i", "1,10")
    assert ran.code == 2
    assert "SystemExit" in ran.out + ran.err


def test_traceback_shows_where_an_import_failed(modinspect: Modinspect, tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text("1 / 0\n")
    without = modinspect("show", f"{file}:Net")
    assert (without.code, "Traceback" in without.err) == (2, False)
    ran = modinspect("show", f"{file}:Net", "--traceback")
    assert ran.code == 2
    assert "Traceback (most recent call last)" in ran.err
    assert "1 / 0" in ran.err
    assert ran.err.index("Traceback") < ran.err.index("error: ")


def test_what_the_user_typed_is_no_markup_and_no_control_code(modinspect: Modinspect) -> None:
    ran = modinspect("show", "pkg[bold]\x1b[31m.Net[/]")
    assert ran.code == 2
    assert r"pkg[bold]\x1b[31m.Net[/]" in ran.err
    assert "\x1b" not in ran.err


def test_errors_and_tables_are_coloured_when_colour_is_forced(modinspect: Modinspect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[1;31merror: " in modinspect("show", "nosuch.Model").err
    assert "\x1b[" in modinspect(*EXAMPLE, "-i", "1,10").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[1merror: " in modinspect("show", "nosuch.Model").err


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """In a file of modinspect's, as a bug would."""
    scope: dict[str, object] = {"error": error}
    file = str(Path(modinspect_package.__file__).parent / "api.py")
    exec(compile("def inspect_target(*_, **__):\n    raise error\n", file, "exec"), scope)
    monkeypatch.setattr("modinspect.api.inspect_target", scope["inspect_target"])


def test_a_bug_of_modinspect_says_so(modinspect: Modinspect, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, KeyError("layer[red]"))
    ran = modinspect(*EXAMPLE)
    assert (ran.code, ran.out) == (2, "")
    message, hint = ran.err.splitlines()
    assert message == "error: modinspect itself failed, which is a bug: KeyError: 'layer[red]'"
    assert "--traceback" in hint
    assert "modinspect 0.1.0, torch " in hint
    assert "fail_with" not in ran.err
    assert "in inspect_target" in modinspect(*EXAMPLE, "--traceback").err


def test_an_exit_that_nothing_caught_is_an_error_too(modinspect: Modinspect, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, SystemExit(0))
    ran = modinspect(*EXAMPLE)
    assert ran.code == 2
    assert "sys.exit(0)" in ran.err


def test_an_interruption_says_so_and_ends_with_130(modinspect: Modinspect, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, KeyboardInterrupt())
    ran = modinspect(*EXAMPLE)
    assert (ran.code, ran.out, ran.err) == (130, "", "interrupted\n")


def test_a_listed_model_is_shown_as_the_configuration_says_it_is_run(modinspect: Modinspect, models: str) -> None:
    Path("pyproject.toml").write_text(
        f"""
        [tool.modinspect]
        input = ["7,7"]
        opaque = ["models.Wide"]
        [[tool.modinspect.models]]
        target = "{models}:Wide"
        init = {{ width = 4 }}
        input = ["2,10"]
        train = true
        """
    )
    ran = modinspect("show", f"{models}:Wide", "--format", "json")
    assert ran.code == 0
    data = json.loads(ran.out)
    assert [given["shape"] for given in data["inputs"]] == [[2, 10]]
    assert [given["shape"] for given in data["outputs"]] == [[2, 4]]
    assert data["model"]["training"] is True
    (root, *_) = data["modules"]
    assert root["layer"] is True


def test_the_command_line_comes_before_the_configuration(modinspect: Modinspect, models: str) -> None:
    Path("pyproject.toml").write_text(
        f'[[tool.modinspect.models]]\ntarget = "{models}:Wide"\ninit = {{ width = 4 }}\ninput = ["2,10"]\n'
    )
    ran = modinspect("show", f"{models}:Wide", "--format", "json", "--init", "width=6", "--input", "3,10")
    assert [given["shape"] for given in json.loads(ran.out)["outputs"]] == [[3, 6]]


def test_an_input_for_all_listed_models_is_not_given_to_another(modinspect: Modinspect, models: str) -> None:
    Path("pyproject.toml").write_text('[tool.modinspect]\ninput = ["7,7"]\n')
    ran = modinspect("show", f"{models}:Wide", "--input", "1,10", "--format", "json")
    assert ran.code == 0
    unnamed = modinspect("show", f"{models}:Wide", "--format", "json")
    assert [given["shape"] for given in json.loads(unnamed.out)["inputs"]] != [[7, 7]]


def test_an_unknown_key_of_the_configuration_stops_show_too(modinspect: Modinspect, models: str) -> None:
    Path("pyproject.toml").write_text("[tool.modinspect]\ninputs = []\n")
    ran = modinspect("show", f"{models}:Wide", "--input", "1,10")
    assert ran.code == 2
    assert "has no key 'inputs'" in ran.err


ARGUMENTS = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(10, 5)

    def forward(self, batch, mode: str, n: int = 1):
        assert batch["flag"] is True
        y = self.fc(batch["x"])
        return y.relu() if mode == "train" else [y] * n

class Counts(nn.Module):
    def forward(self, n: int):
        import torch
        return torch.ones(n)
"""


def test_arguments_and_dotted_inputs_reach_forward(modinspect: Modinspect, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "args.py").write_text(ARGUMENTS)
    options = ("-i", "batch.x=2,10", "--arg", "batch.flag=True", "--format", "json")
    ran = modinspect("show", "args.py:Net", *options, "--arg", "mode=eval", "--arg", "n=3")
    assert ran.code == 0
    report = json.loads(ran.out)
    assert [given["name"] for given in report["inputs"]] == ["batch.x"]
    assert [given["path"] for given in report["outputs"]] == ["0", "1", "2"]
    ran = modinspect("show", "args.py:Net", *options)
    assert ran.code == 2
    assert "hint: Add --arg mode=STRING." in ran.err
    assert modinspect("show", "args.py:Counts", "--arg", "n=3").code == 0
    assert "give one with --arg n=INT" in modinspect("show", "args.py:Counts").out


def test_a_saved_report_is_shown_as_it_was_without_running_anything(
    modinspect: Modinspect, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "args.py").write_text(ARGUMENTS)
    command = ("show", "args.py:Net", "-i", "batch.x=2,10", "--arg", "batch.flag=True", "--arg", "mode=train")
    shown = modinspect(*command).out
    assert modinspect(*command, "--format", "json", "--output", "report.json").code == 0
    (tmp_path / "args.py").unlink()
    ran = modinspect("show", "report.json")
    assert (ran.code, ran.out) == (0, shown)
    assert modinspect("show", "report.json", "--depth", "0").out != shown
    assert modinspect("show", "report.json", "--format", "html").out.startswith("<!DOCTYPE html>")
    ran = modinspect("show", "report.json", "-i", "1,10")
    assert (ran.code, ran.out) == (2, "")
    assert "'report.json' is a saved report" in ran.err
    (tmp_path / "other.json").write_text("[]")
    assert "hint: Save a report with" in modinspect("show", "nothing.json").err
    assert modinspect("show", "other.json").code == 2


GPT = """
from dataclasses import dataclass
import torch
from torch import nn
from torch.nn import functional as F

@dataclass
class GPTConfig:
    block_size: int = 1024
    vocab_size: int = 50304
    n_layer: int = 12
    n_head: int = 12
    n_embd: int = 768
    dropout: float = 0.0
    bias: bool = True

class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.n_head = config.n_head
        self.ln_1 = nn.LayerNorm(config.n_embd, bias=config.bias)
        self.c_attn = nn.Linear(config.n_embd, 3 * config.n_embd, bias=config.bias)

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = self.c_attn(self.ln_1(x)).split(C, dim=2)
        q, k, v = (t.view(B, T, self.n_head, C // self.n_head).transpose(1, 2) for t in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return x + y.transpose(1, 2).contiguous().view(B, T, C)

class GPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        assert config.vocab_size is not None
        assert config.block_size is not None
        self.config = config
        self.transformer = nn.ModuleDict(dict(
            wte=nn.Embedding(config.vocab_size, config.n_embd),
            wpe=nn.Embedding(config.block_size, config.n_embd),
            h=nn.ModuleList([Block(config) for _ in range(config.n_layer)]),
        ))
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        self.transformer.wte.weight = self.lm_head.weight

    def forward(self, idx, targets=None):
        device = idx.device
        b, t = idx.size()
        assert t <= self.config.block_size
        pos = torch.arange(0, t, dtype=torch.long, device=device)
        x = self.transformer.wte(idx) + self.transformer.wpe(pos)
        for block in self.transformer.h:
            x = block(x)
        if targets is not None:
            logits = self.lm_head(x)
            return logits, F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1), ignore_index=-1)
        return self.lm_head(x[:, [-1], :]), None
"""


def test_a_model_with_a_config_leads_to_the_table_by_one_hint(modinspect: Modinspect, tmp_path: Path, monkeypatch: Any) -> None:
    """The shape of nanoGPT's model.py."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(GPT)
    ran = modinspect("show", "model.py:GPT")
    assert ran.code == 2
    assert ran.err.endswith("hint: Add --init 'config=GPTConfig()'.\n")
    ran = modinspect("show", "model.py:GPT", "--init", "config=GPTConfig()", "--init", "config.n_layer=2")
    assert ran.code == 0
    assert "input  idx (1, 16) int64" in ran.out
    assert "F.scaled_dot_product" in ran.out
