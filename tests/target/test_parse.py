"""The text of a target and of ``--init``."""

import ast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modinspect.errors import TargetError
from modinspect.target import Target, parse_init, parse_target
from tests.target.target_helpers import LITERALS, TOKENS, error, shows_no_control_codes


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
        ("m..Net", "'' isn't a Python name|missing before or after a dot"),
        ("my-net:Net", "'my-net' isn't a Python name"),
        ("net.py:2x", "'2x' isn't a Python name"),
        ("m:Net(f(1)(2))", "argument 1 of .*'f\\(1\\)', isn't a Python literal"),
        ("m:Net(size=3 * n)", "argument 'size' .*'3 \\* n', isn't a Python literal"),
        ("m:Net(lambda: 1)", "argument 1 of .*'lambda: 1', isn't a Python literal"),
        ("m:Net(f(*[1]))", "argument 1 of .*, isn't a Python literal"),
        ("m:registry[name]()", "a key isn't a literal"),
        ("m:registry['a'].b()", "isn't a Python name"),
        ("m:Net(*[1])", "unpack"),
        ("m:Net(**{})", "unpack"),
        ("m:Net(a=1, a=2)", "'a' twice|repeated"),
        ("m:Net({[]: 1})", "isn't a Python literal"),
        ("m:Net(" + "[" * 5000 + "]" * 5000 + ")", "nested"),
        ("m:Net(\ud800)", "can't read|isn't a Python literal"),
        ("m:Net(x:=1)", "isn't a Python literal"),
    ],
)
def test_malformed_text_says_what_is_odd_and_what_the_forms_are(text, words):
    with pytest.raises(TargetError, match=words) as caught:
        parse_target(text)
    hints = ("literals", "pkg.mod:Class", "Give it once", "A key is a literal")
    assert any(hint in caught.value.hint for hint in hints)


def test_a_bare_word_as_argument_is_told_to_be_quoted(project):
    assert error("net:Net(resnet50)").message == "'net' has no 'resnet50'"
    assert "A string needs quotes: 'resnet50'" in error("net:Net(resnet50)").hint
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


@pytest.mark.slow
@given(st.lists(LITERALS, max_size=3), st.dictionaries(st.sampled_from(["a", "b_c", "größe"]), LITERALS))
def test_literal_arguments_arrive_as_python_would_pass_them(args, kwargs):
    call = ", ".join([*map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())])
    target = parse_target(f"m:f({call})")
    assert target.args == tuple(args)
    assert target.kwargs == kwargs


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
        ("=3", "'' isn't an argument name", ""),
        ("my-width=3", "'my-width' isn't an argument name", "my_width=3"),
        ("class=3", "'class' isn't an argument name", ""),
        ("width=", "has no value", "empty string"),
        ("bias=true", "'true' isn't a Python literal", "Write bias=True"),
        ("x=null", "'null' isn't a Python literal", "Write x=None"),
        ("x=[1,", "isn't a Python literal", "quotes of its own"),
        ("x=a b", "isn't a Python literal", "quotes of its own"),
        ("x=f(1)(2)", "isn't a Python literal", "quotes of its own"),
        ("x=eq=b", "isn't a Python literal", "quotes of its own"),
        ("x=inf", "isn't a Python literal", "quotes of its own"),
        ("x=3x", "isn't a Python literal", "quotes"),
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


def test_arguments_that_hold_half_characters_are_told_all_the_same() -> None:
    with pytest.raises(TargetError, match=r"argument 1 of .* isn't a Python literal"):
        parse_target("e(\udc88~ee/(~e)")
