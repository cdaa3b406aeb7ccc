"""Points on a Dask cluster, whose workers have snc installed. The library comes with the extra `cluster`."""

import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from ...ir.errors import BadInput, Origin
from .measure import Code, outcome
from .points import Point
from .processes import IMPORTED, LOST
from .run import Task
from .store import Outcome

TIMEOUT_S = 30
AHEAD = 2  # points that each thread of the cluster has before it


@dataclass(frozen=True, slots=True)
class Cluster:
    """The workers of a scheduler: "tcp://host:8786"."""

    address: str

    def __call__(self, tasks: Iterator[Task]) -> Iterator[tuple[Point, Outcome]]:
        """Outcomes in the order in which they come. Raises BadInput where there is no cluster."""
        with self._client() as client:
            begun = [client.submit(_ready, workers=[worker], pure=False) for worker in client.nthreads()]
            yield from _work(client, tasks)
            client.cancel(begun)

    def _client(self) -> Any:
        try:
            from distributed import Client
        except ImportError:
            rule = "--scheduler needs the library distributed, which is not installed"
            raise BadInput(None, rule, hint="pip install 'snc[cluster]', or leave --scheduler out") from None
        try:
            return Client(self.address, timeout=TIMEOUT_S, set_as_default=False)
        except (OSError, ValueError) as error:  # TimeoutError is an OSError
            rule = f"no scheduler answers ({str(error) or type(error).__name__})"
            hint = "give the address that `dask scheduler` prints, as tcp://host:8786"
            raise BadInput(Origin(file=self.address), rule, hint=hint) from None


def _work(client: Any, tasks: Iterator[Task]) -> Iterator[tuple[Point, Outcome]]:
    from distributed import as_completed

    under_way: dict[Any, Point] = {}
    held: tuple[Path | None, Any] = (None, None)
    queue = as_completed(loop=client.loop)
    waiting = next(tasks, None)
    while waiting is not None or under_way:
        threads = max(1, sum(client.nthreads().values()))
        while waiting is not None and len(under_way) < AHEAD * threads:
            if waiting.material != held[0]:
                # Sent once, and from then on the cluster's own.
                material = pickle.loads(waiting.material.read_bytes())
                held = waiting.material, client.scatter(material, broadcast=True, hash=False)
            future = client.submit(_made, waiting.point, held[1], waiting.code, pure=False)
            under_way[future] = waiting.point
            queue.add(future)
            waiting = next(tasks, None)
        future = next(queue)
        point = under_way.pop(future)
        error = future.exception()
        yield point, future.result() if error is None else Outcome({}, LOST, f"the cluster lost it: {error}")


def _ready() -> None:
    """Imports what points need: while the model is still being read here."""
    for name in IMPORTED:
        import_module(name)


def _made(point: Point, material: Any, code: Code) -> Outcome:
    return outcome(point, material, code)
