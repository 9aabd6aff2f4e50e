"""Standard output is for the result alone; files are written whole or not at all."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from modinspect.cli.streams import check_destination, redirect_for_good, stdout_for_results, write_result
from modinspect.errors import OutputError


@contextmanager
def streams_of_a_process() -> Iterator[None]:
    """Standard streams on the descriptors 1 and 2; pytest's own are elsewhere."""
    with (
        open(1, "w", encoding="utf-8", closefd=False) as stdout,
        open(2, "w", encoding="utf-8", closefd=False) as stderr,
        redirect_stdout(stdout),
        redirect_stderr(stderr),
    ):
        yield


@pytest.mark.process
def test_what_is_printed_meanwhile_goes_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    with streams_of_a_process():
        with stdout_for_results() as stdout:
            print("from python", flush=True)
            os.write(1, b"from C\n")
            subprocess.run([sys.executable, "-S", "-c", "print('from a child')"], check=True)
            stdout.write("the result\n")
        print("afterwards")
    captured = capfd.readouterr()
    assert captured.out == "the result\nafterwards\n"
    assert captured.err == "from python\nfrom C\nfrom a child\n"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_stdout_comes_back_whatever_happens(capfd: pytest.CaptureFixture[str], error: type[BaseException]) -> None:
    with streams_of_a_process():
        before, open_before = sys.stdout, os.listdir("/proc/self/fd")
        with pytest.raises(error), stdout_for_results():
            raise error
        assert sys.stdout is before
        assert os.listdir("/proc/self/fd") == open_before
        os.write(1, b"back\n")
    assert capfd.readouterr().out == "back\n"


def test_a_stdout_in_memory_is_used_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with stdout_for_results() as stdout:
        print("noise")
        stdout.write("result")
    assert capsys.readouterr() == ("result", "noise\n")


def test_text_that_stdout_cannot_encode_is_spelled_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open(tmp_path / "out", "w", encoding="ascii") as ascii_only:
        monkeypatch.setattr(sys, "stdout", ascii_only)
        with stdout_for_results() as stdout:
            write_result("é\n", "-", stdout)
    assert (tmp_path / "out").read_bytes() == b"\\xe9\n"


def test_after_the_end_nothing_reaches_stdout(tmp_path: Path) -> None:
    with open(tmp_path / "out", "w", encoding="utf-8") as stdout:
        print("result", file=stdout)
        redirect_for_good(stdout)
        print("late", file=stdout)
    assert (tmp_path / "out").read_text() == "result\n"


def test_a_file_is_written(tmp_path: Path) -> None:
    write_result("text\n", str(tmp_path / "out.txt"), io.StringIO())
    assert (tmp_path / "out.txt").read_text() == "text\n"
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


def test_a_file_that_is_there_is_replaced_and_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "out.txt"
    file.write_text("a longer text that was there before")
    file.chmod(0o640)
    write_result("new", str(file), io.StringIO())
    assert file.read_text() == "new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_a_link_goes_on_pointing_to_its_file(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("old")
    link.symlink_to(file)
    write_result("new", str(link), io.StringIO())
    assert link.is_symlink()
    assert file.read_text() == "new"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_file_that_cannot_be_finished_is_left_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(*_: object) -> None:
        raise error

    file = tmp_path / "out.txt"
    file.write_text("old")
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises((OutputError, KeyboardInterrupt)):
        write_result("new", str(file), io.StringIO())
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    write_result("text", os.devnull, io.StringIO())
    assert not Path(os.devnull).is_file()


def test_a_full_disk_is_an_error() -> None:
    with pytest.raises(OutputError, match="No space left"):
        write_result("text", "/dev/full", io.StringIO())


def test_a_full_stdout_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    full = open("/dev/full", "w", encoding="utf-8")  # noqa: SIM115  (closing it raises)
    monkeypatch.setattr(sys, "stdout", full)
    with pytest.raises(OutputError, match="standard output: No space left"), stdout_for_results() as stdout:
        write_result("text", "-", stdout)
    with contextlib.suppress(OSError):
        full.close()


def test_a_reader_who_leaves_early_ends_the_output_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="utf-8") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        with stdout_for_results() as stdout:
            write_result("text\n" * 100_000, "-", stdout)


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("", "is empty"),
        (".", "is a directory"),
        ("no/where/out.txt", "no directory"),
        ("file/out.txt", "no directory"),
        ("a\ud800", "no file can have that name"),
    ],
)
def test_a_place_that_cannot_be_written_is_found_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    with pytest.raises(OutputError, match=says):
        check_destination(output)


@pytest.mark.parametrize("closed", ["", "out.txt"], ids=["directory", "file"])
def test_a_place_without_permission_is_found_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: str
) -> None:
    """A file is replaced by one that is made beside it, so that both have to be open."""
    (tmp_path / "out.txt").touch()
    monkeypatch.setattr(os, "access", lambda place, _: Path(place) != tmp_path / closed)
    with pytest.raises(OutputError, match="permission denied"):
        check_destination(str(tmp_path / "out.txt"))


def test_a_device_needs_no_directory_that_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda place, _: place == os.devnull)
    check_destination(os.devnull)
