"""Points on processes of this machine. One that ends before its time costs its own point, and no other."""

import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import connection, get_context, parent_process, resource_tracker
from multiprocessing.context import ForkServerContext, SpawnContext
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


def _unheard() -> None:
    """In a thread: interrupts are not for the processes that begin in it, which would say that they end."""
    if hasattr(signal, "pthread_sigmask"):
        resource_tracker.ensure_running()  # which lets interrupts in when it begins
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _context() -> ForkServerContext | SpawnContext:
    """How processes begin: on Linux as copies of one that has imported what points need."""
    if sys.platform != "linux":
        return get_context("spawn")
    found = get_context("forkserver")
    found.set_forkserver_preload(list(IMPORTED))
    return found


@dataclass(slots=True)
class _Crew:
    """The processes, what they are at, and points that were under way when one of them ended.

    They begin in a thread of their own: one that an interrupt keeps from its first words would say so.
    """

    jobs: int
    context: ForkServerContext | SpawnContext = field(default_factory=_context)
    thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, initializer=_unheard))
    running: dict[Future[Outcome], Task] = field(default_factory=dict)
    suspects: deque[Task] = field(default_factory=deque)
    pool: ProcessPoolExecutor | None = None
    line: connection.Connection | None = None  # to the processes, which end when it is closed

    def work(self, tasks: Iterator[Task]) -> Iterator[tuple[Point, Outcome]]:
        ready = self.thread.submit(self.ready)
        waiting = next(tasks, None)
        ready.result()
        self.start(self.jobs)
        while waiting is not None or self.running:
            while waiting is not None and len(self.running) <= self.jobs and not self.suspects:
                if not self.submit(waiting):
                    self.suspects.append(waiting)
                waiting = next(tasks, None)
            yield from self.finished()
            if self.suspects:
                yield from self.apart()

    def start(self, jobs: int) -> None:
        end, self.line = self.context.Pipe(duplex=False)
        self.pool = ProcessPoolExecutor(
            jobs, mp_context=self.context, initializer=follow, initargs=(self.jobs, end)
        )

    def ready(self) -> None:
        """What processes need is imported, by one that does nothing: while the model is still being read."""
        process = self.context.Process(target=int)
        process.start()
        process.join()

    def given(self, work: Callable[[], Outcome]) -> Future[Outcome]:
        """Work that a process takes. Raises BrokenProcessPool."""
        assert self.pool is not None
        return self.thread.submit(self.pool.submit, work).result()

    def submit(self, task: Task) -> bool:
        try:
            self.running[self.given(task)] = task
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
            try:
                yield task.point, self.given(task).result()
            except BrokenProcessPool:
                yield task.point, Outcome({}, LOST, ENDED)
            self.stop()
        self.start(self.jobs)

    def stop(self) -> None:
        """Ends the processes, whatever they are at."""
        if self.pool is None or self.line is None:
            return
        self.thread.submit(self.line.close).result()  # they have begun by then
        self.pool.shutdown(cancel_futures=True)
        self.pool = self.line = None


def follow(processes: int, line: "connection.Connection") -> None:
    """In a new process, one of so many: takes its share of the processors, leaves interrupts to the one that
    started it, and ends when that one has ended, or has closed its end of a line.
    """
    share(processes)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_until_it_is_left, args=(line,), daemon=True).start()


def _until_it_is_left(line: "connection.Connection") -> None:
    parent = parent_process()
    connection.wait([line] if parent is None else [line, parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
