"""The onnx package's own cases: each one compiles and gives the shipped outputs, or is refused with a reason.

What is refused stands in tests/golden/onnx_suite.txt. Cases run with the host's parts off: a case that needs
one counts as refused, and as compiled in the second share.
"""

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from checker.check import check

from snc.backends.image.container import write_image
from snc.compiler.frontend.alone import alone
from snc.compiler.frontend.read import read_onnx
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.running.runner import Runner
from snc.compiler.targets.target import load_target
from snc.ir.errors import SncError
from snc.passes.closing import closed
from snc.passes.composing.compose import Compose
from snc.passes.fold import Fold
from snc.passes.lowering.lower import Lower

from .suite import SuiteCase, cases, others

CHIP = replace(load_target("grai-vip"), name="large", mesh=(48, 48))
OPTIONS = Options(weights="float32", effort=0.5)
SHARE, SHARE_OF_OTHERS = 0.97, 0.97
MAPPABLE = " (mappable are "  # the list of all operators is not repeated for each case
LONG = "pytorch-converted/test_MaxPool1d_stride_padding_dilation"  # a row of 220,000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case: why it is refused without the host's parts, and whether it is with them."""

    reason: str = ""
    is_refused_with_host: bool = False


def outcome(case: SuiteCase) -> Outcome:
    """Compiles and runs a case; an output that is wrong fails the test here."""
    reason = ""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(case.model.SerializeToString())
        try:
            Lower()(closed(Fold()(Compose(alone)(read_onnx(path))))).whole()
        except SncError as error:
            reason = str(error)
        try:
            image = compile_model(path, CHIP, OPTIONS).image
        except SncError as error:
            return Outcome(reason or str(error), True)
    assert check(write_image(image)).faults == (), case.name
    runner = Runner(image)
    for given, wanted in case.frames:
        try:
            got = runner(given).outputs
        except SncError as error:  # inputs that the chip does not take: infinite ones
            return Outcome(str(error), True)
        for name, want in wanted.items():
            assert got[name].shape == want.shape, f"{case.name}: {name}"
            np.testing.assert_allclose(got[name], want, case.rtol, case.atol, err_msg=f"{case.name}: {name}")
    if not reason and (image.host_before or image.host_after):
        reason = "the host computes a part of it"
    return Outcome(reason)


def test_the_suite(golden: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]) -> None:
    found = {case.name: outcome(case) for case in cases() if case.name != LONG}
    refused = {name: one.reason for name, one in found.items() if one.reason}
    without = 1 - len(refused) / len(found)
    with_host = 1 - sum(one.is_refused_with_host for one in found.values()) / len(found)
    shares = f"{len(found)} cases: {without:.1%} without host parts, {with_host:.1%} with them"
    with capsys.disabled():
        sys.stdout.write(f"\n{shares}\n")
    golden("onnx_suite.txt", "\n".join([shares, *(f"{n}: {why}" for n, why in refused.items()), ""]))
    assert without >= SHARE


@pytest.mark.slow
def test_the_rest_of_the_suite(capsys: pytest.CaptureFixture[str]) -> None:
    """All other functions of floats: operators of which networks are seldom made, and ONNX's own definitions
    of operators, each as a network. What compiles gives the shipped outputs, too.
    """
    found = {case.name: outcome(case) for case in others()}
    refused = {name: one.reason for name, one in found.items() if one.reason}
    share = 1 - len(refused) / len(found)
    reasons = (f"{name}: {why.splitlines()[0].partition(MAPPABLE)[0]}" for name, why in refused.items())
    with capsys.disabled():
        sys.stdout.write("\n".join(["", *reasons, f"{len(found)} other cases: {share:.1%}", ""]))
    assert share >= SHARE_OF_OTHERS


def test_the_long_case() -> None:
    case = next(case for case in cases() if case.name == LONG)
    assert not outcome(case).reason
