"""A sweep in one process, on local processes and on the workers of a Dask cluster: seconds, and its table.

    python benchmarks/sweep_workers.py [SPEC.toml] [--workers 2]

`processor s` has all processes. The cluster's workers are up before its clock starts and have imported snc,
but neither libraries nor compiled functions that only a point needs: `their next sweep` finds
these loaded. Needs the extra `cluster`.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ratios import Cost, cost, snc

# By default workers give memory back again and again and look every 10 ms at what they are doing, and every
# process of the cluster looks every 20 ms whether it still can answer. What is preloaded is imported at a
# worker's start.
LEAN = {
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": 2**27,
    "distributed.nanny.pre-spawn-environ.MALLOC_MMAP_THRESHOLD_": 2**25,
    "distributed.worker.preload": ["snc.compiler.sweeping.cluster"],
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.monitor-interval": "5s",
    "distributed.admin.tick.interval": "5s",
    "distributed.admin.system-monitor.interval": "5s",
}
# Runs a command and waits for what it leaves behind, too: the process that Python copies on Linux.
WHOLE = """
import ctypes, os, subprocess, sys
PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
code = subprocess.call(sys.argv[1:])
try:
    while True:
        os.wait()
except ChildProcessError:
    sys.exit(code)
"""
SPEC = Path(__file__).parents[1] / "examples" / "chips.toml"


def on_cluster(commands: Sequence[list[str]], workers: int) -> list[Cost]:
    """What each command takes, one after the other, with the workers of one scheduler, and these with it."""
    import dask
    from distributed import Client, LocalCluster

    dask.config.set(LEAN)
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        spent = [_spent(client)]
        found = []
        for command in commands:
            found.append(cost([*command, "--scheduler", cluster.scheduler_address]))
            spent.append(_spent(client))
    theirs = [after - before for before, after in pairwise(spent)]
    return [replace(each, processor=each.processor + more) for each, more in zip(found, theirs, strict=True)]


def _spent(client: Any) -> float:
    """Seconds of the processor that the cluster has taken so far."""
    workers: dict[str, float] = client.run(time.process_time)
    return time.process_time() + sum(workers.values())


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("spec", nargs="?", type=Path, default=SPEC)
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    with TemporaryDirectory() as folder:

        def command(name: str) -> list[str]:
            kept, table = Path(folder) / f"{name}.db", Path(folder) / f"{name}.csv"
            return snc("sweep", chosen.spec, "--store", kept, "--csv", table)

        found = {
            "one process": cost(command("one")),
            f"{chosen.workers} processes": cost(
                [sys.executable, "-c", WHOLE, *command("local"), "--jobs", str(chosen.workers)]
            ),
        }
        first, next_one = on_cluster([command("dask"), command("next")], chosen.workers)
        found |= {f"{chosen.workers} Dask workers": first, "their next sweep": next_one}
        tables = {each.read_bytes() for each in Path(folder).glob("*.csv")}
    one = found["one process"]
    print(f"{'':16} {'wall s':>8} {'times as fast':>14} {'processor s':>12} {'to one':>7}")
    for name, each in found.items():
        ratios = f"{one.wall / each.wall:14.2f} {each.processor:12.1f} {each.processor / one.processor:7.2f}"
        print(f"{name:16} {each.wall:8.1f} {ratios}")
    print("the tables are the same" if len(tables) == 1 else "THE TABLES DIFFER")


if __name__ == "__main__":
    main()
