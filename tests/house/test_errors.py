"""Errors name the culprit, the rule and the way out, and know their exit code."""

import pickle

import pytest

from snc.ir.errors import (
    BadInput,
    DoesNotFit,
    ManyErrors,
    Origin,
    SncError,
    Unsupported,
    VerifyError,
    raise_all,
)

CONV = Origin("pilotnet.onnx", "conv3", "Conv", "t7")


@pytest.mark.parametrize(
    ("origin", "text"),
    [
        (CONV, "pilotnet.onnx: node conv3 (Conv)"),
        (Origin("pilotnet.onnx", operator="Conv", output="t7"), "pilotnet.onnx: node of t7 (Conv)"),
        (Origin("pilotnet.onnx", operator="Conv"), "pilotnet.onnx: node (Conv)"),
        (Origin("pilotnet.onnx"), "pilotnet.onnx"),
        (Origin(node="conv3"), "node conv3"),
        (Origin(), ""),
    ],
)
def test_an_origin_reads_well_whatever_is_known(origin: Origin, text: str) -> None:
    assert str(origin) == text


def test_an_error_reads_culprit_rule_way_out() -> None:
    error = DoesNotFit(CONV, "one row takes 41216 words, a core has 32768", hint="lower --weight-bits")
    assert str(error) == (
        "pilotnet.onnx: node conv3 (Conv): one row takes 41216 words, a core has 32768 (lower --weight-bits)"
    )
    assert str(BadInput(None, "no such file")) == str(BadInput(Origin(), "no such file")) == "no such file"


def test_many_errors_are_a_line_each_and_as_grave_as_the_gravest() -> None:
    first, second, third = Unsupported(CONV, "a"), DoesNotFit(None, "b"), BadInput(None, "c")
    many = ManyErrors([first, ManyErrors([second, third])])
    assert many.errors == (first, second, third)
    assert str(many).splitlines() == [str(first), "b", "c"]
    assert many.exit_code == 3
    assert SncError.exit_code == 2


def test_what_a_stage_collected_is_raised_as_what_it_is() -> None:
    raise_all([])
    one = Unsupported(CONV, "a")
    with pytest.raises(Unsupported) as caught:
        raise_all([one])
    assert caught.value is one
    with pytest.raises(ManyErrors):
        raise_all([one, one])


@pytest.mark.parametrize(
    "error", [DoesNotFit(CONV, "a", "b"), ManyErrors([DoesNotFit(CONV, "a"), BadInput(None, "c")])]
)
def test_errors_cross_processes(error: SncError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (str(copy), copy.exit_code) == (str(error), error.exit_code)


def test_a_broken_invariant_is_no_mistake_of_the_user() -> None:
    assert issubclass(VerifyError, AssertionError)
    assert not issubclass(VerifyError, SncError)
