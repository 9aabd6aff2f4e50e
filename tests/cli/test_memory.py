"""``modinspect memory``: what it prints, where, and its exit codes."""

from __future__ import annotations

import json

import pytest

from tests.cli.cli_helpers import Modinspect

LINEAR = ("memory", "torch.nn:Linear(1024, 512, bias=False)", "-i", "256,1024")


@pytest.mark.slow
def test_sizes_peaks_and_a_chart_are_printed(modinspect: Modinspect) -> None:
    ran = modinspect(*LINEAR)
    assert (ran.code, ran.err) == (0, "")
    assert "parameters   2.00 MiB" in ran.out
    assert "optimizer    4.00 MiB" in ran.out
    assert "one training step" in ran.out


def test_json_has_the_keys_of_the_contract(modinspect: Modinspect) -> None:
    data = json.loads(modinspect(*LINEAR, "--format", "json", "--optimizer", "sgd").out)
    assert data["schema_version"] == 1
    assert (data["target"], data["optimizer"], data["fits"]) == ("torch.nn:Linear(1024, 512, bias=False)", "sgd", None)
    assert data["bytes"]["params"] == 1024 * 512 * 4
    assert set(data["peaks"][0]) == {"phase", "op", "module", "source", "bytes"}


@pytest.mark.slow
def test_the_exit_code_is_1_if_it_does_not_fit(modinspect: Modinspect) -> None:
    ran = modinspect(*LINEAR, "--fits", "4MiB")
    assert ran.code == 1
    assert "doesn't fit 4.00 MiB" in ran.out
    assert ran.err == "found: training torch.nn:Linear(1024, 512, bias=False) takes 0.01 GiB, more than 4MiB\n"
    assert modinspect(*LINEAR, "--fits", "1GiB").code == 0


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--fits", "24"), "'24' isn't a size with a unit"),
        (("--optimizer", "lion"), "lion"),
        (("--checkpoint", "nothing.*"), "no module's path matches nothing.*"),
        (("-i", "3,3"), "error"),
    ],
)
def test_wrong_usage_is_said(modinspect: Modinspect, args: tuple[str, ...], said: str) -> None:
    ran = modinspect(*LINEAR, *args)
    assert ran.code == 2
    assert said in ran.err
