"""The file of a sweep: which models, targets and options are combined, and what is measured of each.

Everything that is wrong with it is said at once, before anything runs.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice, product
from pathlib import Path
from typing import Any

from ...ir.aims import NeuronUse, Objective, StateUse
from ...ir.chip import Chip
from ...ir.errors import BadInput, Origin, SncError, each_of, raise_all
from ...ir.storage.formats import AUTO, listed
from ..choosing.frames import HELD_OUT
from ..frontend.nir.dynamics import Dynamics
from ..running.data.pictures import Picture
from ..running.engines import ENGINES
from ..targets.kinds import kind_of
from ..targets.target import DEFAULT_TARGET, load_cores, parse_target, to_toml

START = "see docs/sweep.md"
TABLES = ("models", "targets", "target", "options", "measure")
MODEL_KEYS = ("file", "data", "labels", "input_shapes", "dt", "dialect", "reset")
KEPT, CORRECTED = "kept", "corrected"  # biases: as they are, or making up for what rounding weights changes
CHOICES: Mapping[str, tuple[str, ...]] = {
    "states": tuple(StateUse),
    "objective": tuple(Objective),
    "neurons": tuple(NeuronUse),
    "biases": (KEPT, CORRECTED),
}
NUMBERS = {"threshold": (0.0, float("inf")), "effort": (0.1, 10000.0), "min_sqnr": (0.0, 200.0)}
WHOLE = {"seed": (0, 2**31 - 1), "budget": (1, 2**60), "cores": (1, 2**32)}
WISHES = ("budget", "cores", "min_sqnr")  # about weights that are chosen
OPTIONS = ("weights", *CHOICES, *NUMBERS, *WHOLE)
ARITHMETICS = ("float32", "chip")
PARTS = ("all", "fitted", "held-out")
FRAMES_MAX = 1_000_000
POINTS_MAX = 100_000

Stated = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Model:
    """A model as the file names it, and the frames that it is measured on; without data they are noise."""

    name: str
    path: Path
    data: Path | None = None
    labels: str | None = None
    input_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    dynamics: Dynamics = field(default_factory=Dynamics)
    picture: Picture = field(default_factory=Picture)
    names: Mapping[str, str] = field(default_factory=dict)  # of inputs, with the keys of their arrays


@dataclass(frozen=True, slots=True)
class Target:
    """A chip, the name that the file has for it, and the numbers in which it differs from the one named."""

    name: str
    numbers: Stated
    chip: Chip


@dataclass(frozen=True, slots=True)
class Measure:
    """What is run on every image: so many frames at most; 0: nothing. `part`: all frames, every fourth, which
    is held out, or the others.
    """

    frames: int = 8
    seed: int = 0
    arithmetic: str = "float32"
    engine: str = "auto"
    part: str = "all"

    def indices(self, count: int) -> list[int]:
        """Which of so many frames are run."""
        of_part = {
            "all": range(count),
            "fitted": (index for index in range(count) if index % HELD_OUT != HELD_OUT - 1),
            "held-out": range(HELD_OUT - 1, count, HELD_OUT),
        }
        return list(islice(of_part[self.part], self.frames))


@dataclass(frozen=True, slots=True)
class Sweep:
    """Every model on every target with every choice of options, in the order of the file."""

    models: tuple[Model, ...]
    targets: tuple[Target, ...]
    options: tuple[Stated, ...]
    measure: Measure

    def __len__(self) -> int:
        return len(self.models) * len(self.targets) * len(self.options)


def read_spec(path: Path) -> Sweep:
    """The sweep of a file; paths in it are relative to it. Raises SncError with all that is wrong."""
    origin = Origin(file=path.name)
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise BadInput(Origin(file=str(path)), "cannot be read", hint="give a file of a sweep") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(origin, f"is no TOML file: {error}", hint=START) from None
    return _Reader(path.parent, origin).sweep(found)


class _Reader:
    """Reads the tables of one file, and gathers what is wrong with them."""

    def __init__(self, folder: Path, origin: Origin) -> None:
        self.folder = folder
        self.origin = origin
        self.errors: list[SncError] = []

    def sweep(self, found: Stated) -> Sweep:
        """All of it."""
        self._known("", found, TABLES)
        tables = {name: self._table(name, found.get(name, {})) for name in TABLES[2:]}
        models = self._models(found.get("models"))
        targets = self._targets(found.get("targets", [DEFAULT_TARGET]), tables["target"])
        options = self._options(tables["options"])
        self._chosen(models, options)
        measure = self._measure(tables["measure"])
        made = Sweep(models, targets, options, measure)
        if len(made) > POINTS_MAX:
            self._wrong(f"has {len(made):,} points", f"at most {POINTS_MAX:,}: state fewer values")
        raise_all(self.errors)
        return made

    def _wrong(self, rule: str, hint: str) -> None:
        self.errors.append(BadInput(self.origin, rule, hint=hint))

    def _known(self, table: str, found: Stated, known: tuple[str, ...]) -> None:
        for key in found:
            if key not in known:
                self._wrong(f"{table}{key!r} is no key of a sweep", f"known are {', '.join(known)}")

    def _table(self, name: str, found: object) -> Stated:
        if isinstance(found, dict):
            return found
        self._wrong(f"{name} is no table", f"write [{name}] and a line for each key")
        return {}

    def _models(self, found: object) -> tuple[Model, ...]:
        if not isinstance(found, list) or not found:
            self._wrong("models is no list of models", 'write models = ["model.onnx"]')
            return ()
        made = [model for each in found if (model := self._model(each)) is not None]
        self._once("models", [model.name for model in made])
        return tuple(made)

    def _model(self, found: object) -> Model | None:
        said = {"file": found} if isinstance(found, str) else found
        if not isinstance(said, dict) or not isinstance(said.get("file"), str):
            self._wrong(f"models: {found!r} names no file", 'write "model.onnx", or {file = "model.onnx"}')
            return None
        name = said["file"]
        self._known(f"models: {name}: ", said, MODEL_KEYS)
        for key in ("data", "labels", "dialect", "reset"):
            if not isinstance(said.get(key, ""), str):
                self._wrong(f"models: {name}: {key} = {said[key]!r} is no text", f'write {key} = "..."')
                return None
        path = self.folder / name
        data = self.folder / said["data"] if "data" in said else None
        for file in filter(None, (path, data)):
            if not (file.is_file() or (file.is_dir() and file == data)):
                self._wrong(f"models: {name}: there is no file {file}", "paths are relative to this file")
        if "labels" in said and data is None:
            self._wrong(f"models: {name}: labels are of no data", "give data, too")
        labels = said.get("labels")
        if labels is not None and (self.folder / labels).is_file():
            labels = str(self.folder / labels)
        shapes = self._shapes(name, said.get("input_shapes", {}))
        return Model(Path(name).name, path, data, labels, shapes, self._dynamics(name, said))

    def _shapes(self, name: str, found: object) -> Mapping[str, tuple[int, ...]]:
        rows = found.items() if isinstance(found, dict) else [("", None)]
        made = {}
        for key, shape in rows:
            if isinstance(shape, list) and all(type(size) is int and size > 0 for size in shape):
                made[key] = tuple(shape)
            else:
                self._wrong(
                    f"models: {name}: input_shapes has no shape for {key!r}",
                    "write input_shapes = {x = [1, 3, 8, 8]}",
                )
        return made

    def _dynamics(self, name: str, said: Stated) -> Dynamics:
        dt = said.get("dt", 1e-4)
        if type(dt) not in (int, float) or dt <= 0:
            self._wrong(f"models: {name}: dt = {dt!r} is no time", "write seconds: dt = 1e-4")
            return Dynamics()
        try:
            return Dynamics.named(float(dt), said.get("dialect", "nir"), said.get("reset"))
        except (SncError, ValueError, KeyError) as error:
            self._wrong(f"models: {name}: {error}", START)
            return Dynamics()

    def _targets(self, found: object, numbers: Stated) -> tuple[Target, ...]:
        if not isinstance(found, list) or not found or not all(isinstance(each, str) for each in found):
            self._wrong("targets is no list of names", f'write targets = ["{DEFAULT_TARGET}"]')
            return ()
        self._once("targets", [Path(name).name for name in found])
        made: dict[tuple[str, str], Target] = {}
        for name in found:
            file = self.folder / name
            try:
                chip = load_cores(str(file) if file.is_file() else name)
            except SncError as error:
                self._add("targets", error)
                continue
            lists = {
                key: self._values("target", key, value, _is_pair(chip, key)) for key, value in numbers.items()
            }
            for row in product(*lists.values()):
                stated = dict(zip(lists, row, strict=True))
                try:
                    changed = parse_target({**tomllib.loads(to_toml(chip)), **stated}, self.origin)
                except SncError as error:
                    self._add("target", error)
                    continue
                made[name, str(stated)] = Target(Path(name).name, stated, changed)
        return tuple(made.values())

    def _add(self, table: str, error: SncError) -> None:
        """What another reader says of a value, each fault once."""
        for one in each_of(error):
            made = BadInput(self.origin, f"{table}: {one.message}", hint=one.hint)
            if one.origin is not None and one.origin.file != self.origin.file:
                made = BadInput(self.origin, f"{table}: {one.obstacle}", hint=one.hint)
            if str(made) not in map(str, self.errors):
                self.errors.append(made)

    def _options(self, found: Stated) -> tuple[Stated, ...]:
        self._known("options.", found, OPTIONS)
        lists = {key: self._values("options", key, value) for key, value in found.items() if key in OPTIONS}
        for key, values in lists.items():
            for value in values:
                self._option(key, value)
        return tuple(dict(zip(lists, row, strict=True)) for row in product(*lists.values()))

    def _chosen(self, models: tuple[Model, ...], options: tuple[Stated, ...]) -> None:
        """Formats are chosen and biases corrected on data, and wishes need formats that are chosen."""
        is_auto = [row.get("weights") == AUTO for row in options]
        for name in WISHES:
            if any(name in row and not auto for row, auto in zip(options, is_auto, strict=True)):
                self._wrong(
                    f"options.{name} is about weights that are chosen", f'write weights = "{AUTO}" alone'
                )
        is_corrected = [row.get("biases") == CORRECTED for row in options]
        for asks, what, option in (
            (is_auto, "formats are chosen", f'weights = "{AUTO}"'),
            (is_corrected, "biases are corrected", f'biases = "{CORRECTED}"'),
        ):
            for model in models:
                if any(asks) and model.data is None:
                    rule = f"models: {model.name}: no data, on which {what}"
                    self._wrong(rule, f"give data, or leave {option} out")

    def _option(self, key: str, value: object) -> None:
        named = f"options.{key}: {value!r}"
        if key == "weights":
            try:
                if value != AUTO:
                    listed(str(value))
            except ValueError:
                self._wrong(f"{named} is no weight format", "as --weights of snc compile")
        elif key in CHOICES:
            if value not in CHOICES[key]:
                self._wrong(f"{named} is no choice of {key}", f"known are {', '.join(CHOICES[key])}")
        else:
            self._number(named, value, *(NUMBERS.get(key) or WHOLE[key]), is_whole=key in WHOLE)

    def _number(self, named: str, value: object, low: float, high: float, *, is_whole: bool) -> bool:
        if type(value) is int or (type(value) is float and not is_whole):
            if low <= value <= high:
                return True
            self._wrong(f"{named} is out of range", f"write {low:g} to {high:g}")
            return False
        self._wrong(f"{named} is no {'whole ' * is_whole}number", f"write {low:g} to {high:g}")
        return False

    def _values(self, table: str, key: str, found: object, is_pair: bool = False) -> list[Any]:
        """The values of a key: one, or a list of them. A pair of numbers is one value."""
        is_one = not isinstance(found, list) or (is_pair and not any(isinstance(v, list) for v in found))
        values = [found] if is_one or not isinstance(found, list) else found
        if not values:
            self._wrong(f"{table}.{key} has no value", "give one, or leave the line out")
        self._once(f"{table}.{key}", values)
        return values

    def _once(self, named: str, values: list[Any]) -> None:
        for index, value in enumerate(values):
            if value in values[:index]:
                self._wrong(f"{named} states {value!r} twice", "state each once")

    def _measure(self, found: Stated) -> Measure:
        self._known("measure.", found, tuple(Measure.__dataclass_fields__))
        made = Measure(**{key: value for key, value in found.items() if key in Measure.__dataclass_fields__})
        self._number(f"measure.frames: {made.frames!r}", made.frames, 0, FRAMES_MAX, is_whole=True)
        self._number(f"measure.seed: {made.seed!r}", made.seed, 0, 2**31 - 1, is_whole=True)
        for key, known in (("arithmetic", ARITHMETICS), ("engine", tuple(ENGINES)), ("part", PARTS)):
            if getattr(made, key) not in known:
                self._wrong(
                    f"measure.{key}: {getattr(made, key)!r} is no {key}", f"known are {', '.join(known)}"
                )
        return made


def _is_pair(chip: Chip, key: str) -> bool:
    return key in kind_of(chip).pairs
