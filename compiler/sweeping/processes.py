"""Points on processes of this machine. One that ends before its time costs its own point, and no other."""

import os
import signal
import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import connection, forkserver, get_context, parent_process
from multiprocessing.context import BaseContext
from threading import Thread

from ...backends.lifted.threads import share
from .points import Point
from .run import Task
from .store import Outcome

IMPORTED = ("snc.compiler.sweeping.measure", "numba", "onnxruntime", "ortools.sat.python.cp_model")
LOST = "lost"
ENDED = "the process that made it ended before it was done: there may not be enough memory (use fewer --jobs)"


@dataclass(frozen=True, slots=True)
class Processes:
    """So many processes, which take one point after the other."""

    jobs: int

    def __call__(self, tasks: Iterator[Task]) -> Iterator[tuple[Point, Outcome]]:
        """Outcomes in the order in which they come."""
        crew = _Crew(self.jobs)
        try:
            yield from crew.work(tasks)
        finally:
            crew.stop()


def _context() -> BaseContext:
    """How processes begin: on Linux as copies of one that has imported what points need."""
    if sys.platform != "linux":
        return get_context("spawn")
    found = get_context("forkserver")
    found.set_forkserver_preload(list(IMPORTED))
    return found


@dataclass(slots=True)
class _Crew:
    """The processes, what they are at, and points that were under way when one of them ended."""

    jobs: int
    context: BaseContext = field(default_factory=_context)
    running: dict[Future[Outcome], Task] = field(default_factory=dict)
    suspects: deque[Task] = field(default_factory=deque)
    pool: ProcessPoolExecutor | None = None

    def work(self, tasks: Iterator[Task]) -> Iterator[tuple[Point, Outcome]]:
        self.start(self.jobs)
        self.ready()
        waiting = next(tasks, None)
        while waiting is not None or self.running:
            while waiting is not None and len(self.running) <= self.jobs and not self.suspects:
                if not self.submit(waiting):
                    self.suspects.append(waiting)
                waiting = next(tasks, None)
            yield from self.finished()
            if self.suspects:
                yield from self.apart()

    def start(self, jobs: int) -> None:
        self.pool = ProcessPoolExecutor(
            jobs, mp_context=self.context, initializer=follow, initargs=(self.jobs,)
        )

    def ready(self) -> None:
        """Has what processes need be imported while the model is still being read here."""
        assert self.pool is not None
        if self.context.get_start_method() == "forkserver":
            # It would end by an interrupt, and say so, while it imports.
            masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            forkserver.ensure_running()
            signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        else:
            self.pool.submit(int)

    def submit(self, task: Task) -> bool:
        assert self.pool is not None
        try:
            self.running[self.pool.submit(task)] = task
        except BrokenProcessPool:
            return False
        return True

    def finished(self) -> Iterator[tuple[Point, Outcome]]:
        """Waits until there is something."""
        for future in wait(self.running, return_when=FIRST_COMPLETED).done:
            task = self.running.pop(future)
            try:
                yield task.point, future.result()
            except BrokenProcessPool:
                self.suspects.append(task)

    def apart(self) -> Iterator[tuple[Point, Outcome]]:
        """Those that were under way, each in a process of its own: which of them ended it is then known."""
        while self.running:
            yield from self.finished()
        self.stop()
        while self.suspects:
            task = self.suspects.popleft()
            self.start(1)
            assert self.pool is not None
            try:
                yield task.point, self.pool.submit(task).result()
            except BrokenProcessPool:
                yield task.point, Outcome({}, LOST, ENDED)
            self.stop()
        self.start(self.jobs)

    def stop(self) -> None:
        if self.pool is not None:
            self.pool.shutdown(wait=False, cancel_futures=True)
        self.pool = None


def follow(processes: int) -> None:
    """In a new process, one of so many: takes its share of the processors, leaves interrupts to the one that
    started it, and ends when that one has ended.
    """
    share(processes)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_until_the_parent_ends, daemon=True).start()


def _until_the_parent_ends() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
