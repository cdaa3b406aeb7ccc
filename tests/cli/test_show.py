"""How numbers, shapes and lists look, and that names cannot harm a terminal."""

import math

import pytest

from snc.cli.views.show import (
    Sheet,
    bar,
    begun,
    console,
    json_text,
    listed,
    paragraph,
    printable,
    say,
    short,
    size,
)


@pytest.mark.parametrize(
    ("count", "few", "words"),
    [
        (0, "0", "0 bytes"),
        (999, "999", "999 bytes"),
        (1000, "1.0k", "1000 bytes"),
        (1023, "1.0k", "1023 bytes"),
        (1843, "1.8k", "1.8 kB"),
        (102_400, "100k", "100.0 kB"),
        (1_023_000, "999k", "999.0 kB"),
        (1_048_000, "1.0M", "1023.4 kB"),
        (18_559_795, "17.7M", "17.7 MB"),
        (5 * 2**40, "5120G", "5120.0 GB"),
    ],
)
def test_bytes(count: int, few: str, words: str) -> None:
    assert short(count) == few
    assert size(count) == words


def test_lists_and_bars() -> None:
    assert listed([0, 1, 2, 3, 7, 9, 10]) == "0-3,7,9-10"
    assert listed([]) == ""
    assert [bar(share, 4) for share in (0, 0.01, 0.5, 1, 2)] == ["....", "#...", "##..", "####", "####"]


def test_names_are_text_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    name = "[bold]a\x1b[2Jb\r:smile:[/bold]"
    say(name)
    table = Sheet("name*")
    table.add(name)
    table.show()
    out = capsys.readouterr().out
    assert out.count("[bold]a?[2Jb?:smile:[/bold]") == 2
    assert printable("a\nb\tc") == "a\nb?c"


def test_paragraphs_are_wrapped_and_words_never_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    assert console().width == 20
    paragraph("one two three four " + "x" * 30, indent=4)
    assert capsys.readouterr().out == f"    one two three\n    four\n    {'x' * 30}\n"


def test_json_is_strict() -> None:
    assert json_text({"a": math.inf, "b": (1, math.nan)}).split() == [
        *("{", '"a":', "null,", '"b":', "[", "1,", "null", "]", "}"),
    ]


def test_names_give_way_and_numbers_do_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    table = Sheet("layer*", "events>")
    table.add("a/long/name/of/a/layer/conv1", 1_234_567)
    table.add("conv2;fused", 5)
    table.show()
    assert capsys.readouterr().out.splitlines()[2:4] == [
        "..me/of/a/layer/conv1  1234567",
        "conv2                        5",
    ]
    monkeypatch.setenv("COLUMNS", "10")
    table.show()
    assert capsys.readouterr().out.splitlines()[2] == "..ayer/conv1  1234567"


def test_beginnings_of_names() -> None:
    assert begun("GlobalAveragePool", 11) == "GlobalAve.."
