"""An interrupt at any moment: exit code 130, one line, no half file, whatever libraries make of it."""

import subprocess
import sys
from pathlib import Path

import pytest

from .interrupting import interrupted

# A command that does what libraries do to interrupts; `{}` stands for it.
CODE = """
import os, signal, sys, time
import click
import snc.cli.main as cli
from snc.cli.start import main

def interrupt():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.01)

@click.command("dummy")
def dummy():
    {}

cli.snc.add_command(dummy)
sys.argv = ["snc", "dummy"]
sys.exit(main())
"""
ENDS = {
    "goes through": "interrupt()",
    "becomes an error": (
        "try:\n        interrupt()\n    except BaseException:\n        raise ValueError from None"
    ),
    "is swallowed": "try:\n        interrupt()\n    except BaseException:\n        pass",
    "is swallowed, and much is left to do": (
        "try:\n        interrupt()\n    except BaseException:\n        time.sleep(600)"
    ),
    "comes twice": "try:\n        interrupt()\n    finally:\n        interrupt()",
    "meets a finaliser": (
        "class A:\n        def __del__(self):\n            interrupt()\n    A()\n    time.sleep(600)"
    ),
}


@pytest.mark.parametrize("way", ENDS)
def test_an_interrupt_ends_the_process_whatever_becomes_of_it(way: str) -> None:
    program = [sys.executable, "-c", CODE.format(ENDS[way])]
    done = subprocess.run(program, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "snc: interrupted\n"


@pytest.mark.parametrize(
    ("begin", "call", "file"),
    [
        ("def f():\n", "f()", "/a/llvmlite/b.py"),
        (
            "class ExtensionFileLoader:\n  def create_module(self):\n",
            "ExtensionFileLoader().create_module()",
            "<frozen importlib._bootstrap_external>",
        ),
    ],
    ids=["LLVM", "an import"],
)
def test_where_machine_code_calls_back_an_interrupt_waits(begin: str, call: str, file: str) -> None:
    """LLVM, called back by what raises, would go on with nothing, and onnx begins with nothing: they have
    ended processes so.
    """
    lines = f"{begin}    interrupt()\n    time.sleep(0.1)\n    print('all of it', flush=True)"
    way = f"exec(compile({lines!r}, {file!r}, 'exec'), globals())\n    {call}\n    time.sleep(600)"
    program = [sys.executable, "-c", CODE.format(way)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (130, "all of it\n", "snc: interrupted\n")


@pytest.mark.parametrize("way", ["goes through", "becomes an error"])
def test_its_line_says_what_is_there_all_the_same(way: str) -> None:
    begins = (
        "from snc.cli.views.show import kept_all_the_same\n"
        "    with kept_all_the_same('d.snc', 'd.onnx'):\n        "
    )
    program = [sys.executable, "-c", CODE.format(begins + ENDS[way].replace("\n", "\n    "))]
    done = subprocess.run(program, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "snc: interrupted: d.snc is written, d.onnx is written\n"


def test_half_a_file_is_removed_where_the_process_must_be_ended(tmp_path: Path) -> None:
    way = (
        "from snc.backends.image.container import whole\n"
        f"    with whole({str(tmp_path / 'a.snc')!r}) as file:\n"
        "        file.write(b'half')\n"
        "        try:\n"
        "            interrupt()\n"
        "        except BaseException:\n"
        "            time.sleep(600)"
    )
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(way)], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (130, "snc: interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_interrupts_at_random_moments(tmp_path: Path) -> None:
    for each in interrupted(6, 0, tmp_path):
        assert each.faults == (), (each.name, each.after)
