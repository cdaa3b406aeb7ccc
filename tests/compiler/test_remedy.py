"""What is said to make a model fit makes it fit, and is the cheapest of what was tried."""

import pickle
from collections.abc import Callable

import hypothesis
import onnx
import pytest
from hypothesis import strategies as st
from oracle import layers
from oracle.graphs import Recipe, random_input, recipes
from oracle.writer import Writer

from snc.compiler.pipeline import remedy as module
from snc.compiler.pipeline.driver import Compiled
from snc.compiler.pipeline.options import Options
from snc.compiler.pipeline.remedy import ATTEMPTS_MAX, Budget, remedied, with_change
from snc.ir.chip import Chip
from snc.ir.errors import BadInput, Change, DoesNotFit, ManyErrors, Origin, SncError
from snc.models.digits import digits_model

from .reference import CHIP, assert_computes, compiled, options, reference, shrunken
from .test_random import choices, examples

DENSE = Origin(file="dense.onnx", node="gemm0", operator="Gemm")
# Targets on which much does not fit, and some for more than one reason.
TIGHT: st.SearchStrategy[Chip] = st.builds(
    shrunken,
    mesh=st.sampled_from([(8, 8), (2, 2), (1, 1)]),
    core_words=st.sampled_from([4096, 1024, 600]),
    depth_max=st.sampled_from([1024, 16]),
    kernel_max=st.sampled_from([16, 5]),
    offset_min=st.sampled_from([-256, -2]),
    axons_max=st.sampled_from([511, 40]),
    ports_max=st.sampled_from([32, 2]),
    reach_max=st.sampled_from([7, 1]),
)


def refusal(model: onnx.ModelProto, chip: Chip, chosen: Options) -> SncError | None:
    """Why a model does not fit; None if it does."""
    try:
        compiled(model, chip, chosen)
    except SncError as error:
        return error
    return None


def remedy(error: SncError) -> Change:
    """What an error says would make the model fit: the same in each of several."""
    each = error.errors if isinstance(error, ManyErrors) else (error,)
    found = [one.remedy for one in each if isinstance(one, DoesNotFit)]
    assert found == found[:1] * len(each)
    return found[0]


@examples(4)
@hypothesis.given(recipes(), TIGHT, choices("float32", "fixed8"))
def test_what_is_refused_fits_with_the_change_it_is_told(recipe: Recipe, chip: Chip, chosen: Options) -> None:
    model = recipe.model()
    error = refusal(model, chip, chosen)
    hypothesis.assume(error is not None)
    assert error is not None
    assert remedy(error), error
    found = compiled(model, *with_change(remedy(error), chip, chosen))
    assert_computes(found.image, reference(found), random_input(model, recipe.seed))


CASES: dict[str, tuple[dict[str, int | tuple[int, int]], Options, Change, str]] = {
    "more cores": (
        {"core_words": 600, "mesh": (1, 1)},
        options("fixed8"),
        {"mesh": (1, 3)},
        "a mesh of 1 x 3 holds it",
    ),
    "fewer bits": (
        {"core_words": 600, "mesh": (3, 1)},
        options("float32"),
        {"weights": "fixed8"},
        "--weights fixed8 makes it fit",
    ),
    "shared states": (
        {"core_words": 1300, "mesh": (1, 1)},
        options("fixed8", "persistent"),
        {"states": "shared"},
        "--states shared makes it fit",
    ),
    "both": (
        {"core_words": 1300, "mesh": (1, 1)},
        options("float32", "persistent"),
        {"states": "shared", "weights": "fixed8"},
        "--states shared --weights fixed8 makes it fit",
    ),
    "a larger field": (
        {"offset_min": 0},
        options("fixed8"),
        {"offset_min": -1},
        "a target with offset_min = -1 holds it",
    ),
    "larger cores": (
        {"core_words": 60},
        options("fixed8"),
        {"core_words": 69},
        "a target with core_words = 69 holds it",
    ),
    "more axons": (
        {"axons_max": 0},
        options("fixed8"),
        {"axons_max": 1},
        "a target with axons_max = 1 holds it",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_cheapest_change_is_said(name: str) -> None:
    numbers, chosen, change, hint = CASES[name]
    model, chip = digits_model(), shrunken(**numbers)
    error = refusal(model, chip, chosen)
    assert error is not None
    assert remedy(error) == change
    assert str(error).endswith(f"({hint})")
    compiled(model, *with_change(change, chip, chosen))


def test_that_nothing_helps_is_said_too() -> None:
    w = Writer(13, 0)
    model = w.model([layers.matmul(w, w.input((1, 40000)), 1, bias=False)], "dense")
    error = refusal(model, CHIP, options("fixed8"))
    assert error is not None
    assert not remedy(error)
    assert "a fragment of one neuron takes" in str(error)
    assert str(error).endswith("(no change that was tried makes it fit)")


def told(error: SncError, fits: Callable[[Chip, Options], SncError | None]) -> tuple[SncError, int]:
    """The error with its remedy, where `fits` says what is in the way, and how often it was asked."""
    asked = 0

    def attempt(chip: Chip, chosen: Options) -> Compiled | None:
        nonlocal asked
        asked += 1
        failure = fits(chip, chosen)
        if failure is not None:
            raise failure
        return None

    return remedied(error, shrunken(mesh=(4, 4)), Options(), attempt), asked


def test_what_is_no_question_of_size_stays_as_it_is() -> None:
    for error in (BadInput(DENSE, "a"), DoesNotFit(DENSE, "a", "b"), ManyErrors([BadInput(DENSE, "a")] * 2)):
        assert told(error, lambda chip, chosen: None) == (error, 0)


def test_several_obstacles_are_passed_together_and_what_is_needless_is_left_out() -> None:
    needs: list[dict[str, int]] = [{"cores": 17}, {"axons_max": 9}, {"cores": 15, "axons_max": 7}]
    several = ManyErrors(DoesNotFit(DENSE, "a", "", [need]) for need in needs)
    tried: list[Chip] = []

    def attempt(chip: Chip, chosen: Options) -> None:
        tried.append(chip)
        if chip.cores < 17:
            raise DoesNotFit(DENSE, "b")

    found = remedied(several, shrunken(mesh=(4, 4), axons_max=5), Options(), attempt)
    assert (tried[0].mesh, tried[0].axons_max) == ((4, 5), 9)
    assert isinstance(found, ManyErrors)
    assert remedy(found) == {"mesh": (4, 5)}


def test_a_way_that_words_do_not_hold_gives_way_to_the_next() -> None:
    error = DoesNotFit(DENSE, "a", "", [{"reach_max": 9}, {"cores": 20}])
    found, asked = told(error, lambda chip, chosen: None)
    assert (remedy(found), asked) == ({"mesh": (4, 5)}, 1)


def test_attempts_are_few_and_grow() -> None:
    sizes: list[int] = []

    def never(chip: Chip, chosen: Options) -> SncError:
        sizes.append(chip.cores)
        return DoesNotFit(DENSE, "a", "", [{"cores": chip.cores}])

    found, asked = told(never(shrunken(mesh=(4, 4)), Options()), never)
    assert not remedy(found)
    assert asked <= ATTEMPTS_MAX + 1
    assert sizes[1:] == sorted(set(sizes[1:]))


def test_what_is_tried_counts_no_more_than_two_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """In fragments, not in seconds; and what is over its budget is not tried."""
    model, chip = digits_model(), shrunken(core_words=600, mesh=(1, 1))
    budgets: list[Budget] = []

    class Seen(Budget):
        def __init__(self) -> None:
            super().__init__()
            budgets.append(self)

    monkeypatch.setattr(module, "Budget", Seen)
    monkeypatch.setattr(module, "PIECES_LEAST", 0)
    error = refusal(model, chip, options("fixed8"))
    assert error is not None
    assert remedy(error) == {"mesh": (1, 3)}
    (budget,) = budgets
    assert budget.allowed is not None
    least = 2 * (1 + 3 + 1) * 6  # six feature maps; its cuts, three others, and the places
    assert budget.allowed >= least
    assert 0 < budget.spent <= budget.allowed
    monkeypatch.setattr(module, "PASSES", 0)
    error = refusal(model, chip, options("fixed8"))
    assert error is not None
    assert not remedy(error)
    assert str(error).endswith("(no change that was tried makes it fit)")


def test_an_error_with_a_remedy_crosses_processes() -> None:
    error = DoesNotFit(DENSE, "a", "b", [{"cores": 3}], {"mesh": (1, 3)})
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.ways, copy.remedy) == (str(error), error.ways, error.remedy)
