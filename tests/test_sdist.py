"""The source distribution holds what is needed to develop: ``make check`` works in it, unpacked."""

from __future__ import annotations

import re
import subprocess
import tarfile
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The files in the source distribution, relative to its folder."""
    (archive,) = SdistBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("dist")), versions=["standard"])
    with tarfile.open(archive) as tar:
        return {name.partition("/")[2] for name in tar.getnames()}


def test_it_holds_what_the_makefile_and_ci_read(packed: set[str]) -> None:
    (sources,) = re.findall(r"^SOURCES := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert "src" in sources.split()
    for source in sources.split():
        assert any(name == source or name.startswith(f"{source}/") for name in packed), source
    assert {"Makefile", "constraints.txt", "pyproject.toml", "noxfile.py", ".ci/run"} <= packed


@pytest.mark.process
def test_it_holds_each_file_of_the_repository(packed: set[str]) -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no git repository")
    assert {name for name in listed.stdout.splitlines() if (ROOT / name).exists()} - packed == set()
