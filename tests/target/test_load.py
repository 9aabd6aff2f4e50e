import ast
import os
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import nn

from modinspect.errors import TargetError
from modinspect.target import Target, importable_cwd, load, parse_init, parse_target

NET = """
from abc import ABC, abstractmethod
from torch import nn

NUM = 3

class Net(nn.Module):
    def __init__(self, width: int, depth: int = 2, act="relu"):
        super().__init__()
        if width < 0:
            raise ValueError("width is negative")
        self.fc = nn.Linear(width, width)

    @classmethod
    def from_config(cls, config):
        return cls(config["width"])

class Wrong(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear("a", 3)

class Exits(nn.Module):
    def __init__(self):
        raise SystemExit(3)

class Interrupted(nn.Module):
    def __init__(self):
        raise KeyboardInterrupt

class Abstract(nn.Module, ABC):
    @abstractmethod
    def encode(self): ...

class Outer:
    class Inner(nn.Identity):
        pass

class Plain:
    pass

class Wants(nn.Module):
    def __init__(self, backbone: nn.Module, /):
        super().__init__()

class WantsConfig(nn.Module):
    def __init__(self, config):
        super().__init__()

class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError

class RaisesUnprintable(nn.Module):
    def __init__(self):
        raise Unprintable

def make(width=3, **options):
    return nn.Linear(width, len(options) or 1)

def forgets(): nn.Linear(3, 3)
def pair(): return 1, nn.Linear(3, 3)
def gives_class(): return Net
def gives_number(): return 7
async def waits(): return nn.Linear(3, 3)

model = nn.Sequential(nn.Linear(3, 3))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An empty working directory with ``net.py``; what is imported from it is forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NET)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(root: Path, **files: str) -> None:
    """``write(root, pkg__mod=...)`` writes ``pkg/mod.py``; ``init`` stands for ``__init__``."""
    for name, text in files.items():
        parts = ["__init__" if part == "init" else part for part in name.split("__")]
        path = root.joinpath(*parts).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def built(target: str, **init: object) -> nn.Module:
    return load(target, init).build()


def error(target: str, **init: object) -> TargetError:
    with pytest.raises(TargetError) as caught:
        built(target, **init)
    return caught.value


# ---- reading the text


@pytest.mark.parametrize(
    ("text", "kind", "place", "name", "args", "kwargs"),
    [
        ("pkg.mod.Class", "dotted", "pkg.mod.Class", "", (), {}),
        ("pkg.mod:Class", "colon", "pkg.mod", "Class", (), {}),
        ("pkg.mod:Outer.Inner", "colon", "pkg.mod", "Outer.Inner", (), {}),
        ("  pkg.mod:Class  ", "colon", "pkg.mod", "Class", (), {}),
        ("net.py:Net", "file", "net.py", "Net", (), {}),
        ("net.py", "file", "net.py", "", (), {}),
        ("/a b/my-net (1).py:Net(3)", "file", "/a b/my-net (1).py", "Net", (3,), {}),
        (r"C:\x\net.py:Net", "file", r"C:\x\net.py", "Net", (), {}),
        ("dir/net:Net", "file", "dir/net", "Net", (), {}),
        ("m:f()", "colon", "m", "f", (), {}),
        ("m.f(10, -1.5, a=True)", "dotted", "m.f", "", (10, -1.5), {"a": True}),
        ("m:f([1, (2, 3)], {'a': {'b': None}})", "colon", "m", "f", ([1, (2, 3)], {"a": {"b": None}}), {}),
        ("m:f('a.py:B', path='x/y')", "colon", "m", "f", ("a.py:B",), {"path": "x/y"}),
        ("m:f(b'x', {1}, 1+2j,\n a='()')", "colon", "m", "f", (b"x", {1}, 1 + 2j), {"a": "()"}),
        ("módulo:Größe", "colon", "módulo", "Größe", (), {}),
    ],
)
def test_each_form_is_taken_to_pieces(text, kind, place, name, args, kwargs):
    target = parse_target(text)
    assert target == Target(text.strip(), kind, place, name, args, kwargs)
    assert str(target) == text.strip()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("a\0b", "NUL"),
        ("m:", "no name follows the colon"),
        ("net.py:", "no name follows the colon"),
        (":Net", "no module before the colon"),
        ("m::Net", "more than one colon"),
        ("net.py:Net:Inner", "more than one colon"),
        ("m:Net(", "never closed"),
        ("m:Net(3", "never closed"),
        ("m:Net(3))", "unmatched '\\)'"),
        ("m:Net)", "closing parenthesis"),
        ("m:Net(3)(4)", "not one call"),
        ("m:Net(3).x", "something follows the call"),
        ("m:Net(1) + f(2)", "not one call"),
        ("(3)", "no name before the parenthesis"),
        ("m..Net", "'' is no Python name|missing beside a dot"),
        ("my-net:Net", "'my-net' is no Python name"),
        ("net.py:2x", "'2x' is no Python name"),
        ("m:Net(f(1))", "argument 1 of .*'f\\(1\\)', is no literal"),
        ("m:Net(dtype=torch.float32)", "argument 'dtype' .*'torch.float32', is no literal"),
        ("m:Net(*[1])", "unpack"),
        ("m:Net(**{})", "unpack"),
        ("m:Net(a=1, a=2)", "'a' twice|repeated"),
        ("m:Net({[]: 1})", "is no literal"),
        ("m:Net(" + "[" * 5000 + "]" * 5000 + ")", "nested"),
        ("m:Net(\ud800)", "can't read|no literal"),
        ("m:Net(x:=1)", "no literal"),
    ],
)
def test_malformed_text_says_what_is_odd_and_what_the_forms_are(text, words):
    with pytest.raises(TargetError, match=words) as caught:
        parse_target(text)
    assert "literals" in caught.value.hint or "pkg.mod:Class" in caught.value.hint or "Give it once" in caught.value.hint


def test_a_bare_word_as_argument_is_told_to_be_quoted():
    with pytest.raises(TargetError) as caught:
        parse_target("m:Net(resnet50)")
    assert "A string needs quotes: 'resnet50'" in caught.value.hint
    with pytest.raises(TargetError) as caught:
        parse_target("m:Net(bias=true)")
    assert "Write True" in caught.value.hint


def test_control_codes_in_a_target_are_shown_escaped():
    with pytest.raises(TargetError) as caught:
        parse_target("m:\x1b[31mNet")
    assert "\x1b" not in str(caught.value)
    assert "\\x1b" in str(caught.value)


def test_arguments_are_never_run(project):
    with pytest.raises(TargetError):
        parse_target("net:make(__import__('os').mkdir('ran'))")
    assert not (project / "ran").exists()


TOKENS = [
    "a",
    "net",
    ".",
    ":",
    "(",
    ")",
    "'",
    '"',
    "/",
    "\\",
    ".py",
    "=",
    ",",
    "1",
    "-",
    "[",
    "]",
    "{",
    "*",
    " ",
    "\n",
    "é",
    "\ud800",
    "\x1b",
]


def shows_no_control_codes(error: TargetError) -> bool:
    return all(character.isprintable() or character == "\n" for character in str(error))


@given(st.text() | st.lists(st.sampled_from(TOKENS)).map("".join))
@example("a:b(" + "-" * 100000 + "1)")
@example("(" * 1000)
@example("a:b(\\N{x})")
@example("a:b(9" + "9" * 5000 + ")")
def test_any_text_is_a_target_or_a_target_error(text):
    try:
        target = parse_target(text)
    except TargetError as wrong:
        assert shows_no_control_codes(wrong)  # noqa: PT017  # either end is right
    else:
        assert target.text == text.strip()


LITERALS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.lists(LITERALS, max_size=3), st.dictionaries(st.sampled_from(["a", "b_c", "größe"]), LITERALS))
def test_literal_arguments_arrive_as_python_would_pass_them(args, kwargs):
    call = ", ".join([*map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())])
    target = parse_target(f"m:f({call})")
    assert target.args == tuple(args)
    assert target.kwargs == kwargs


# ---- --init


def test_init_values_are_literals_and_bare_words_are_strings():
    pairs = ["n=10", "r=-0.5", "layers=[3, 4]", "size=1,2", "s='a b'", "t=True", "none=None", "e=''", "eq=a=b"]
    assert parse_init(pairs[:-1]) == {
        "n": 10, "r": -0.5, "layers": [3, 4], "size": (1, 2), "s": "a b", "t": True, "none": None, "e": "",
    }  # fmt: skip
    words = ["name=resnet50", "device=cuda:0", "repo=google/vit-base", "path=./a/b.pt", "dtype=float16", "act=gelu"]
    assert parse_init(words) == dict(word.split("=") for word in words)


@pytest.mark.parametrize(
    ("pair", "message", "hint"),
    [
        ("width", "has no '='", "KEY=VALUE"),
        ("=3", "'' is no name", ""),
        ("my-width=3", "'my-width' is no name", "my_width=3"),
        ("class=3", "'class' is no name", ""),
        ("width=", "has no value", "empty string"),
        ("bias=true", "'true' is no Python literal", "Write bias=True"),
        ("x=null", "'null' is no Python literal", "Write x=None"),
        ("x=[1,", "no Python literal", "quotes of its own"),
        ("x=a b", "no Python literal", "quotes of its own"),
        ("x=f(1)", "no Python literal", "quotes of its own"),
        ("x=eq=b", "no Python literal", "quotes of its own"),
        ("x=inf", "no Python literal", "quotes of its own"),
        ("x=torch.float32", "no Python literal", "function that builds the model"),
        ("x=3x", "no Python literal", "quotes"),
    ],
)
def test_an_init_that_is_no_pair_of_name_and_literal_is_refused(pair, message, hint):
    with pytest.raises(TargetError) as caught:
        parse_init([pair])
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_an_init_key_given_twice_is_refused(project):
    with pytest.raises(TargetError, match="'a' twice"):
        parse_init(["a=1", "a=2"])
    assert "given twice" in error("net:Net(width=3)", width=4).message


@given(st.text() | st.lists(st.sampled_from([*TOKENS, "x=", "-", "\x1b"])).map("".join))
def test_any_text_is_an_init_pair_or_a_target_error(text):
    try:
        init = parse_init([text])
    except TargetError as wrong:
        assert shows_no_control_codes(wrong)  # noqa: PT017
    else:
        assert len(init) == 1


@given(LITERALS)
def test_an_init_value_is_what_python_reads(value):
    assert parse_init([f"k={value!r}"]) == {"k": ast.literal_eval(repr(value))}


# ---- finding and building


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


def test_an_instance_is_returned_as_it_is(project):
    factory = load("net:model")
    assert factory.build() is factory.obj
    assert "takes no arguments" in error("net:model(3)").message
    assert "takes no arguments" in error("net:model", width=3).message


def test_init_gives_arguments_by_name(project):
    assert built("net:Net", width=5).fc.in_features == 5
    assert built("net:make(2)", a=1, b=2, c=3).out_features == 3


def test_load_builds_nothing(project):
    factory = load("net:Exits")
    assert factory.notes == ()
    with pytest.raises(TargetError):
        factory.build()


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


# ---- errors in finding


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
    assert "'net' is a module and no package" in wrong.message
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
    assert "'nothing_like_this' is not installed" in wrong.hint


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
        ("./notes.txt:Net", "'./notes.txt' is no Python file", ".py"),
        ("./sub:Net", "'./sub' is a directory", "file.py:Class"),
        ("./\x1b.py.Net", "there is no file", "\\x1b.py:Net"),
        ("x" * 300 + ".py:Net", "there is no file", "working directory"),
        (".", "'.' is a directory", "file.py:Class"),
        ("..", "'..' is a directory", "file.py:Class"),
        ("sub", "'sub' is a directory, no model", "'sub:Class'"),
        ("notes.txt", "there is no module 'notes'", "'notes.txt' is a file, but no Python file"),
        ("net.pyy:Net", "there is no 'pyy' in it", "Did you mean 'net.py:Net'?"),
        ("net.py", "'net.py' is a Python file, no model", "'net.py:Class'. Its nn.Module classes: Net"),
        ("net", "'net' is a Python file, no model", "'net:Class'. Its nn.Module classes: Net"),
        ("torch.nn.modules", "is a package, no model", "'torch.nn.modules:Class'"),
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


# ---- errors in building


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("net:NUM", "'net:NUM' is an int (3), no model"),
        ("net:Plain", "is a class, but no subclass of nn.Module"),
        ("net:forgets", "returned None, no nn.Module"),
        ("net:pair", "returned a tuple, no nn.Module"),
        ("net:gives_class", "returned the class Net, no nn.Module"),
        ("net:gives_number", "returned an int, no nn.Module"),
        ("net:waits", "returned a coroutine, no nn.Module"),
        ("net:Abstract", "is an abstract class (abstract in it: encode)"),
        ("net:Net(-3)", "building 'net:Net' raised ValueError: width is negative (at net.py:11)"),
        ("net:Wrong", "(at net.py:21)"),
        ("net:Exits", "building 'net:Exits' called sys.exit(3) (at net.py:25)"),
        ("net:RaisesUnprintable", "raised Unprintable: (its message can't be shown"),
        ("torch.nn.LSTM(3)", "TypeError: RNNBase.__init__() missing 1 required positional argument: 'hidden_size'"),
    ],
)
def test_what_gives_no_model_is_said(project, target, message):
    assert message in error(target).message


def test_a_result_that_holds_a_module_says_where(project):
    assert "[1]" in error("net:pair").hint
    assert "return" in error("net:forgets").hint


def test_missing_arguments_come_with_signature_and_flags(project):
    wrong = error("net:Net")
    assert wrong.message == "'net:Net' needs the argument 'width'. Its signature:\nNet(width: int, depth: int = 2, act='relu')"
    assert wrong.hint == "Add --init width=INT."
    wrong = error("torch.nn.Linear")
    assert "needs the arguments 'in_features' and 'out_features'" in wrong.message
    assert "Linear(in_features: int, out_features: int, bias: bool = True, device=None, dtype=None)" in wrong.message
    assert wrong.hint == "Add --init in_features=INT --init out_features=INT."


def test_a_missing_argument_that_no_flag_can_give_says_what_can(project):
    assert "in the call behind the target" in error("net:Wants").hint
    assert "--init config=VALUE" in error("net:WantsConfig").hint
    assert "a method of an instance" in error("net:Net.extra_repr").hint


def test_wrong_arguments_come_with_the_signature(project):
    wrong = error("net:Net(wdth=3)")
    assert "takes no argument 'wdth'" in wrong.message
    assert "Net(width: int" in wrong.message
    assert "Did you mean 'width'?" in wrong.hint
    assert "takes 3 positional arguments, 4 were given" in error("net:Net(1, 2, 3, 4)").message
    assert "gets the argument 'width' twice" in error("net:Net(1)", width=2).message


def test_a_decorator_that_fills_in_arguments_is_left_to_do_so(project):
    write(
        project,
        filled="""
import functools
from torch import nn

def fill(init):
    @functools.wraps(init)
    def inner(self, *args, **kwargs):
        init(self, *args, **{"width": 3, **kwargs})
    return inner

class Net(nn.Module):
    @fill
    def __init__(self, width):
        super().__init__()
        self.width = width
""",
    )
    assert built("filled:Net").width == 3


def test_the_place_is_the_users_line_and_not_a_librarys(project):
    write(project, deep="import json\nfrom torch import nn\ndef make():\n    return nn.Linear(json.loads('{'), 1)\n")
    assert "(at deep.py:4)" in error("deep:make").message


# ---- classes that are built from a configuration

CONFIGURED = """
from torch import nn

class Config:
    attribute_map = {"depth": "num_layers"}
    def __init__(self, width=8, num_layers=4, **rest):
        if width == 13:
            raise ValueError("unlucky")
        self.width, self.num_layers = width, num_layers
        self.later = None
        self.__dict__.update(rest)

class Net(nn.Module):
    config_class = Config
    def __init__(self, config, pooling=True):
        super().__init__()
        self.config, self.pooling = config, pooling
"""


def test_a_configuration_is_made_when_the_class_names_its_own(project):
    write(project, configured=CONFIGURED)
    factory = load("configured:Net")
    assert factory.build().config.width == 8
    assert factory.notes == ("built from Config()",)


def test_arguments_that_the_constructor_does_not_name_go_to_the_configuration(project):
    write(project, configured=CONFIGURED)
    factory = load("configured:Net(later=1)", {"width": 2, "pooling": False, "depth": 3})
    model = factory.build()
    assert (model.config.width, model.config.later, model.config.depth, model.pooling) == (2, 1, 3, False)
    assert factory.notes == ("built from Config(later=1, width=2, depth=3)",)


def test_a_misspelt_setting_is_refused_even_if_the_configuration_takes_any(project):
    write(project, configured=CONFIGURED)
    wrong = error("configured:Net", widht=3)
    assert "neither 'configured:Net' nor its Config has an argument 'widht'" in wrong.message
    assert "Did you mean 'width'?" in wrong.hint
    assert "ValueError: unlucky (at configured.py:8)" in error("configured:Net", width=13).message


def test_a_transformers_class_needs_no_config():
    factory = load(
        "transformers.BertModel", {"num_hidden_layers": 1, "hidden_size": 24, "vocab_size": 5, "add_pooling_layer": False}
    )
    model = factory.build()
    assert model.embeddings.word_embeddings.weight.shape == (5, 24)
    assert len(model.encoder.layer) == 1
    assert model.pooler is None
    assert isinstance(model, torch.nn.Module)
    assert "Did you mean 'num_hidden_layers'?" in error("transformers.BertModel", num_hiden_layers=1).hint


def test_arguments_that_hold_half_characters_are_told_all_the_same() -> None:
    with pytest.raises(TargetError, match=r"argument 1 of .* is no literal"):
        parse_target("e(\udc88~ee/(~e)")
