"""Finding the module, and the name in it."""

import os
import sys

import pytest

from modinspect.target import importable_cwd, load
from tests.target.target_helpers import NET, built, error, write


@pytest.mark.parametrize(
    "target",
    [
        "net.Net(3)",
        "net:Net(3)",
        "net:Net(width=3, depth=-1)",
        "net.py:Net(3)",
        "./net.py:Net(3)",
        "net:Net.from_config({'width': 3})",
        "net.Net.from_config({'width': 3})",
        "net:make",
        "net.make(width=3)",
        "net:model",
    ],
)
def test_each_form_leads_to_a_model_with_the_width_asked_for(project, target):
    assert next(built(target).parameters()).shape[-1] == 3


def test_a_nested_class_and_an_attribute_of_a_module_can_be_named(project):
    assert type(built("net:Outer.Inner")).__qualname__ == "Outer.Inner"
    assert type(built("net.Outer.Inner")).__qualname__ == "Outer.Inner"


def test_an_absolute_path_with_odd_characters_works(project):
    odd = project / "a dir" / "my-net (1).py"
    odd.parent.mkdir()
    odd.write_text(NET)
    assert built(f"{odd}:Net(3)").fc.in_features == 3


def test_a_file_in_a_package_can_import_relatively(project):
    write(
        project,
        lib__pkg__init="",
        lib__pkg__sub__init="",
        lib__pkg__base="from torch import nn\nclass Base(nn.Identity): pass\n",
    )
    write(project, lib__pkg__sub__net="from ..base import Base\nclass Net(Base): pass\n")
    model = built("lib/pkg/sub/net.py:Net")
    assert type(model).__module__ == "pkg.sub.net"


def test_a_file_can_import_its_siblings_also_when_it_is_called(project):
    write(project, deep__layers="from torch import nn\nclass L(nn.Identity): pass\n", deep__late="N = 1\n")
    write(project, deep__model="from layers import L\ndef make():\n    import late\n    return L()\n")
    before = list(sys.path)
    built("deep/model.py:make")
    assert sys.path == before


def test_files_of_one_name_in_two_directories_each_get_their_own_siblings(project):
    for side, width in (("old", 1), ("new", 2)):
        write(project, **{f"{side}__parts": f"WIDTH = {width}\n"})
        write(
            project,
            **{f"{side}__model": "from torch import nn\nfrom parts import WIDTH\ndef make(): return nn.Linear(WIDTH, 1)\n"},
        )
    assert [built(f"{side}/model.py:make").in_features for side in ("old", "new", "old")] == [1, 2, 1]


def test_a_file_named_like_a_module_in_use_is_the_file(project):
    write(project, json="from torch import nn\nclass Net(nn.Identity): pass\n")
    import json

    assert type(built("json.py:Net")).__name__ == "Net"
    assert sys.modules["json"] is json


def test_a_class_hidden_behind_its_own_module_is_found_both_ways(project):
    write(project, shop__init="from .Net import Net\n")
    write(project, shop__Net="from torch import nn\nclass Net(nn.Identity):\n    make = classmethod(lambda cls: cls())\n")
    assert type(built("shop.Net")).__name__ == "Net"
    assert type(built("shop.Net.make")).__name__ == "Net"
    assert type(built("shop.Net.Net")).__name__ == "Net"


def test_a_submodule_that_nobody_imported_is_imported(project):
    write(project, pack__init="", pack__inner__init="", pack__inner__net=NET)
    assert built("pack.inner.net.Net(3)").fc.in_features == 3
    assert built("pack.inner:net.Net(3)").fc.in_features == 3


def test_functions_of_installed_packages_take_arguments():
    assert built("torch.nn.Linear(3, out_features=4)").out_features == 4


def test_importing_leaves_sys_path_as_it_was(project):
    before = list(sys.path)
    with importable_cwd("elsewhere"):
        assert sys.path[:2] == ["elsewhere", os.getcwd()]
        sys.path.append("kept by the user's code")
    assert sys.path == [*before, "kept by the user's code"]
    sys.path.remove("kept by the user's code")
    error("nowhere:Net")
    error("net:Exits")
    assert sys.path == before


def test_a_missing_module_is_named_with_its_near_misses(project):
    wrong = error("nett:Net")
    assert wrong.message == "there is no module 'nett'"
    assert "Did you mean 'net'" in wrong.hint
    assert sys.executable in wrong.hint
    assert "A target starts with a module" in error("resnet50").hint


def test_the_part_of_a_dotted_name_that_is_wrong_is_named(project):
    write(project, pack__init="", pack__models="from torch import nn\nclass Net(nn.Identity): pass\n")
    wrong = error("pack.modles:Net")
    assert wrong.message == "the package 'pack' has no module 'modles'"
    assert "Did you mean 'models'?" in wrong.hint
    wrong = error("pack.models.Nett")
    assert wrong.message == "the module 'pack.models' has no 'Nett'"
    assert "Did you mean 'Net'?" in wrong.hint
    assert "Did you mean 'models'?" in error("pack.mod:Net").hint  # begun, and not ended
    assert error("pack:Net").hint == "It has no nn.Module classes. Its modules: models."
    assert "class 'net.py:Outer' has no attribute 'Iner'" in error("net.py:Outer.Iner").message
    wrong = error("net.Outer:Inner")
    assert "'net' is a module, not a package" in wrong.message
    assert "'net:Outer.Inner'" in wrong.hint


def test_a_missing_name_lists_the_classes_that_are_there(project):
    wrong = error("net:Trasnformer")
    assert wrong.message == "the module 'net' has no 'Trasnformer'"
    assert "Its nn.Module classes: Net, Wrong, Exits" in wrong.hint
    wrong = error("net:Outer.Iner")
    assert "class 'net.Outer' has no attribute 'Iner'" in wrong.message
    assert "Did you mean 'Inner'?" in wrong.hint


def test_a_module_that_is_there_but_raises_is_not_called_missing(project):
    write(project, boom="\n\nraise RuntimeError('two\\nlines')\n")
    for target in ("boom:Net", "boom.Net", "boom.py:Net"):
        wrong = error(target)
        assert wrong.message == "importing 'boom' raised RuntimeError: two\nlines (at boom.py:3)"
        assert "--traceback" in wrong.hint


def test_a_module_that_imports_what_is_missing_says_what_that_is(project):
    write(project, needs="import os\nimport nothing_like_this\n", also="from needs import x\n")
    wrong = error("also:Net")
    assert "importing 'also' raised ModuleNotFoundError: No module named 'nothing_like_this' (at needs.py:2)" in wrong.message
    assert "'nothing_like_this' isn't installed" in wrong.hint


def test_a_syntax_error_says_file_and_line(project):
    write(project, broken="x = 1\ny = (\n")
    assert "SyntaxError: '(' was never closed (at broken.py:2)" in error("broken:Net").message
    (project / "nul.py").write_bytes(b"x = 1\0")
    assert "importing 'nul' raised" in error("nul.py:Net").message
    (project / "latin.py").write_bytes(b"x = '\xe9'")
    assert "importing 'latin' raised" in error("latin.py:Net").message


def test_a_script_that_exits_when_imported_is_an_error(project):
    write(project, script="import sys\nsys.exit('usage')\n")
    wrong = error("script:Net")
    assert "importing 'script' called sys.exit('usage') (at script.py:2)" in wrong.message
    assert "__main__" in wrong.hint


def test_a_relative_import_outside_a_package_says_so(project):
    write(project, alone="from .net import Net\n")
    assert "__init__.py" in error("alone.py:Net").hint


def test_interruptions_pass_through(project):
    write(project, stopped="raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        load("stopped:Net")
    with pytest.raises(KeyboardInterrupt):
        load("net:Interrupted").build()


@pytest.mark.parametrize(
    ("target", "message", "hint"),
    [
        ("nett.py:Net", "there is no file 'nett.py'", "Did you mean 'net.py'?"),
        ("nowhere/net.py:Net", "there is no file 'nowhere/net.py'", "no directory 'nowhere'"),
        ("./net:Net", "there is no file './net'", "Did you mean './net.py'?"),
        ("./net.py.Net", "there is no file './net.py.Net'", "net.py:Net"),
        ("net.py.Net", "has no 'py'", "net.py:Class"),
        ("./notes.txt:Net", "'./notes.txt' isn't a Python file", ".py"),
        ("./sub:Net", "'./sub' is a directory", "file.py:Class"),
        ("./\x1b.py.Net", "there is no file", "\\x1b.py:Net"),
        ("x" * 300 + ".py:Net", "there is no file", "working directory"),
        (".", "'.' is a directory", "file.py:Class"),
        ("..", "'..' is a directory", "file.py:Class"),
        ("sub", "'sub' is a directory, not a model", "'sub:Class'"),
        ("notes.txt", "there is no module 'notes'", "'notes.txt' is a file, but not a Python file"),
        ("net.pyy:Net", "has no module 'pyy'", "Did you mean 'net.py:Net'?"),
        ("net.py", "'net.py' is a Python file, not a model", "'net.py:Class'. Its nn.Module classes: Net"),
        ("net", "'net' is a Python file, not a model", "'net:Class'. Its nn.Module classes: Net"),
        ("torch.nn.modules", "is a package, not a model", "'torch.nn.modules:Class'"),
    ],
)
def test_what_is_no_python_file_or_no_class_in_one_is_said(project, target, message, hint):
    (project / "notes.txt").write_text("x")
    (project / "sub").mkdir()
    wrong = error(target)
    assert message in wrong.message
    assert hint in wrong.hint


def test_a_deleted_working_directory_is_an_error_and_no_crash(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert "there is no file" in error("net.py:Net").message
    assert "there is no module" in error("nothing_like_this:Net").message


LAZY = """
import importlib

def __getattr__(name):
    if name == "Net":
        try:
            return importlib.import_module("lazy.models.net").Net
        except ImportError as error:
            raise RuntimeError("Failed to import lazy.models.net (look up to see its traceback)") from error
    raise AttributeError(name)

def __dir__():
    return ["Net"]
"""


def test_a_failed_import_in_a_lazy_package_names_its_cause(project):
    write(project, lazy__init=LAZY, lazy__models__init="", lazy__models__net="import not_there_at_all\n")
    wrong = error("lazy.Net")
    assert wrong.message == (
        "looking up 'Net' in 'lazy' raised ModuleNotFoundError: No module named 'not_there_at_all' (at lazy/models/net.py:1)"
    )
    assert wrong.hint.startswith("'not_there_at_all' isn't installed for ")


def test_what_a_lazy_package_has_is_not_claimed(project):
    write(project, lazy__init=LAZY, lazy__models__init="")
    assert error("lazy.Nett").hint == "Did you mean 'Net'?"
    assert error("lazy.Something").hint == "Its modules: models."


def test_a_class_that_chooses_others_by_their_configuration_gets_advice(project):
    write(project, auto="class AutoModel:\n    @classmethod\n    def from_config(cls, config): ...\n")
    wrong = error("auto.AutoModel")
    assert wrong.message == "'auto.AutoModel' is a class, but not a subclass of nn.Module"
    assert "'auto.AutoModel.from_config(BertConfig())'" in wrong.hint
