"""Options that several commands have, and the values they take."""

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., object])

FILE = click.Path(path_type=Path)  # what is wrong with a path, the commands say in their own words


class Real(click.FloatRange):
    """A number in a range; NaN is in none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        found: float = super().convert(value, param, ctx)
        if math.isnan(found):
            self.fail(f"{value!r} is not a number", param, ctx)
        return found


class LateChoice(click.Choice[str]):
    """One of some names, looked up when they are asked for: what knows them takes its time to import."""

    def __init__(self, names: Callable[[], Iterable[str]]) -> None:
        self._names = names
        super().__init__(())

    @property
    def choices(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(self._names())

    @choices.setter
    def choices(self, _: object) -> None: ...


class WeightFormat(LateChoice):
    """The name of a weight format that the image knows."""

    def __init__(self, *also: str) -> None:
        self._also = also
        super().__init__(self._known)

    def _known(self) -> Iterable[str]:
        from ..ir.storage.channels import SCHEMES
        from ..ir.storage.weights import FORMATS

        return (*self._also, *FORMATS, *SCHEMES)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """The names, of a family its first and its last."""
        return f"[{'|'.join(self._short())}]"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name of a format."""
        from ..ir.storage.formats import listed

        try:
            if str(value) not in self._also:
                listed(str(value))
        except ValueError:
            self.fail(f"{value!r} is no weight format: known are {', '.join(self._short())}", param, ctx)
        return str(value)

    def _short(self) -> list[str]:
        from ..ir.storage.channels import SCHEMES
        from ..ir.storage.weights import FORMATS

        kinds: dict[str, list[str]] = {name: [name] for name in self._also}
        for name, codec in FORMATS.items():
            kinds.setdefault(codec.kind, []).append(name)
        families = [names[0] if len(names) == 1 else f"{names[0]}..{names[-1]}" for names in kinds.values()]
        return [*families, *SCHEMES]


UNITS = {"mb": 2**20, "kb": 2**10, "b": 1, "": 1}


class Bytes(click.ParamType[int]):
    """A size: 4MB, 512kB or a number of bytes; a kB is 1024 of them."""

    name = "SIZE"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The bytes."""
        text = str(value).lower().replace(" ", "")
        number = text.rstrip("mkb")
        try:
            found = float(number) * UNITS[text[len(number) :]]
        except (ValueError, KeyError):
            found = 0
        if not 1 <= found < 2**60:
            self.fail(f"{value!r} is no size: write 4MB, 512kB or a number of bytes", param, ctx)
        return int(found)


class Share(click.ParamType[float]):
    """1% or 0.01: a part of a whole."""

    name = "SHARE"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The share, 0 to 1."""
        text = str(value).strip()
        try:
            found = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            found = -1.0
        if not 0 <= found <= 1:
            self.fail(f"{value!r} is no share: write 1% or 0.01", param, ctx)
        return found


class InputShape(click.ParamType[tuple[str, tuple[int, ...]]]):
    """NAME:1,3,224,224: the shape of one input."""

    name = "NAME:N,N,.."

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, tuple[int, ...]]:
        """The input's name and its shape."""
        name, _, sizes = str(value).rpartition(":")
        parts = sizes.split(",")
        if not name or not all(part.isascii() and part.isdigit() and int(part) > 0 for part in parts):
            self.fail(f"{value!r} is no shape of an input: write NAME:1,3,224,224", param, ctx)
        return name, tuple(int(part) for part in parts)


class Numbers(click.ParamType[tuple[float, ...]]):
    """One number, or three with commas between them: one for each colour."""

    name = "N[,N,N]"

    def __init__(self, zero: bool = True) -> None:
        self.zero = zero

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """The numbers."""
        if isinstance(value, tuple):
            return value
        try:
            found = tuple(float(part) for part in str(value).split(","))
        except ValueError:
            found = ()
        if len(found) not in (1, 3) or not all(abs(number) < float("inf") for number in found):
            self.fail(f"{value!r} is not one number or three with commas between them", param, ctx)
        if not self.zero and not all(found):
            self.fail(f"{value!r}: nothing can be divided by 0", param, ctx)
        return found


def target(function: F) -> F:
    """--target."""
    return click.option(
        "--target",
        default="grai-vip",
        show_default=True,
        metavar="NAME|FILE.toml",
        help="The chip: a shipped target's name, or a file ('snc target show grai-vip' is a start).",
    )(function)


def input_shape(function: F) -> F:
    """--input-shape."""
    return click.option(
        "--input-shape",
        "input_shapes",
        type=InputShape(),
        multiple=True,
        help="The shape of an input that the file leaves open; once for each input.",
    )(function)


def charts(function: F) -> F:
    """--charts."""
    return click.option(
        "--charts",
        type=FILE,
        metavar="DIR",
        help="Write each chart of the report as SVG and each table as CSV into a folder.",
    )(function)


def as_float(function: F) -> F:
    """--as-float."""
    return click.option(
        "--as-float",
        is_flag=True,
        help="Of a quantised model: its float form, whose weights --weights rounds, in place of the integers "
        "that it is.",
    )(function)


def as_json(function: F) -> F:
    """--json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")(function)


def arithmetic(function: F) -> F:
    """--arithmetic."""
    return click.option(
        "--arithmetic",
        type=click.Choice(["float32", "chip"]),
        default="float32",
        show_default=True,
        help="Neuron states in single precision, or rounded to 16 bits after every update as on the chip.",
    )(function)


def engine(function: F) -> F:
    """--engine."""
    return click.option(
        "--engine",
        type=click.Choice(["auto", "walk", "literal", "dense"]),
        default="auto",
        show_default=True,
        help="What runs the image: feature map by feature map (walk) or event by event (literal), with the "
        "same results to the last bit; or ONNX Runtime (dense), near them, in float32 arithmetic only. auto: "
        "dense where its results are known to be the same, as those of integers are, else walk.",
    )(function)


def pictures(function: F) -> F:
    """--resize, --mean, --scale and --bgr: how a picture becomes numbers."""
    options = (
        click.option("--resize", is_flag=True, help="Scale a picture to the input's size."),
        click.option(
            "--mean",
            type=Numbers(),
            default="0",
            show_default=True,
            help="Subtracted from a picture's 0..255, for each colour.",
        ),
        click.option(
            "--scale",
            type=Numbers(zero=False),
            default="1",
            show_default=True,
            help="The difference is divided by this.",
        ),
        click.option("--bgr", is_flag=True, help="Blue, green, red instead of red, green, blue."),
    )
    for option in reversed(options):
        function = option(function)
    return function


class InputKey(click.ParamType[tuple[str, str]]):
    """NAME=KEY: an input, and the array that feeds it."""

    name = "NAME=KEY"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """The input's name and the key."""
        name, _, key = str(value).rpartition("=")
        if not name or not key:
            self.fail(f"{value!r} is no input with its array: write NAME=KEY, and files after -i", param, ctx)
        return name, key


def data(is_required: bool, text: str) -> Callable[[F], F]:
    """-i and --input: the frames, and which of their arrays feeds which input."""

    def decorate(function: F) -> F:
        decorators = (
            click.option(
                "-i", "--data", "data_path", type=FILE, required=is_required, metavar="DATA", help=text
            ),
            click.option(
                "--input",
                "names",
                type=InputKey(),
                multiple=True,
                help="The array of an .npz that feeds an input, where it has another name; once for each.",
            ),
        )
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def bins(function: F) -> F:
    """--bin."""
    return click.option(
        "--bin",
        "seconds",
        type=Real(0, min_open=True),
        metavar="S",
        help="Of recorded events: seconds of a frame. [default: a step of the network, or else 0.001]",
    )(function)


def refresh(function: F) -> F:
    """--refresh."""
    return click.option(
        "--refresh",
        type=click.IntRange(1),
        metavar="N",
        help="Every N frames begin anew: states are set, and sigma-delta neurons send everything.",
    )(function)


def wishes(function: F) -> F:
    """--budget, --cores and --min-sqnr: what chosen weight formats are to keep."""
    decorators = (
        click.option(
            "--budget",
            type=Bytes(),
            help="With --data: the memory of all cores at most, with the least error.",
        ),
        click.option(
            "--cores",
            type=click.IntRange(1),
            metavar="N",
            help="With --data: so many cores at most, with the least error.",
        ),
        click.option(
            "--min-sqnr",
            type=Real(0, 200),
            metavar="DB",
            help="With --data: the fewest bits that keep the outputs so near to the model's.",
        ),
    )
    for decorator in reversed(decorators):
        function = decorator(function)
    return function
