"""Running a sweep: what is not in the store yet, on processes of this machine or on a cluster."""

import pickle
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path

from ...ir.errors import SncError
from .measure import Code, Material, failure, gather, outcome
from .points import Point
from .spec import CORRECTED
from .store import Outcome, Store

Seen = Callable[[int, int, str], None]  # how many are done, of how many, and the name of the last


@dataclass(frozen=True, slots=True)
class Task:
    """A point to be made, and the file that holds its model ready. Where it is run, `material` is read once
    for all the tasks in a row that share it.
    """

    point: Point
    material: Path
    code: Code

    def __call__(self) -> Outcome:
        """Makes it."""
        return outcome(self.point, _read(self.material), self.code)


Engine = Callable[[Iterator[Task]], Iterator[tuple[Point, Outcome]]]


@lru_cache(maxsize=2)
def _read(path: Path) -> Material:
    found = pickle.loads(path.read_bytes())
    assert isinstance(found, Material)
    return found


def alone(tasks: Iterator[Task]) -> Iterator[tuple[Point, Outcome]]:
    """One after the other in this process."""
    for task in tasks:
        yield task.point, task()


def run(
    points: Sequence[Point],
    store: Store,
    code: Code,
    engine: Engine = alone,
    *,
    retry: bool = False,
    on_point: Seen = lambda done, total, name: None,
) -> dict[str, Outcome]:
    """The outcome of every point by its key; only those that the store has not are made, each once, and put
    there at once. `retry`: those that failed are made again.
    """
    wanted = {point.key: point for point in points}
    known = {key: found for key, found in store.known(wanted).items() if not (retry and found.has_failed)}
    on_point(len(known), len(wanted), "")

    def done(point: Point, found: Outcome) -> None:
        store.put(point.key, found)
        known[point.key] = found
        on_point(len(known), len(wanted), point.name)

    with tempfile.TemporaryDirectory(prefix="snc-sweep-") as folder:
        left = [point for key, point in wanted.items() if key not in known]
        for point, found in engine(_tasks(left, Path(folder), code, done)):
            done(point, found)
    return known


def _tasks(
    left: Sequence[Point], folder: Path, code: Code, done: Callable[[Point, Outcome], None]
) -> Iterator[Task]:
    """Points with their models, each read when its first point's turn has come."""
    for number, (model, group) in enumerate(groupby(left, key=lambda point: point.model)):
        path = folder / f"{number}.pickle"
        mine = list(group)
        calibrates = any(point.asked.get("biases") == CORRECTED for point in mine)
        try:
            path.write_bytes(pickle.dumps(gather(model, mine[0].measure, calibrates=calibrates)))
        except SncError as error:
            for point in mine:
                done(point, failure(error, code))
            continue
        for point in mine:
            yield Task(point, path, code)
