"""A sweep in one process, on local processes and on the workers of a Dask cluster: seconds, and its table.

    python benchmarks/sweep_workers.py [SPEC.toml] [--workers 2]

`processor s` has all processes; the cluster's workers are up before its clock starts, and have nothing loaded
yet. Needs the extra `cluster`.
"""

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from ratios import Cost, cost, snc

# Of workers: by default they give memory back again and again, and look every 10 ms at what they are doing.
LEAN = {
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": 2**27,
    "distributed.worker.profile.enabled": False,
}
SPEC = Path(__file__).parents[1] / "examples" / "chips.toml"


def on_cluster(command: list[str], workers: int) -> Cost:
    """What a command takes with this scheduler's workers, theirs and the scheduler's own time with it."""
    import dask
    from distributed import Client, LocalCluster

    dask.config.set(LEAN)
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        before = time.process_time() + sum(client.run(time.process_time).values())
        found = cost([*command, "--scheduler", cluster.scheduler_address])
        after = time.process_time() + sum(client.run(time.process_time).values())
    return Cost(found.wall, found.processor + after - before, found.megabytes)


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
            f"{chosen.workers} processes": cost([*command("local"), "--jobs", str(chosen.workers)]),
            f"{chosen.workers} Dask workers": on_cluster(command("dask"), chosen.workers),
        }
        tables = {(Path(folder) / f"{name}.csv").read_bytes() for name in ("one", "local", "dask")}
    one = found["one process"]
    print(f"{'':16} {'wall s':>8} {'times as fast':>14} {'processor s':>12} {'to one':>7}")
    for name, each in found.items():
        ratios = f"{one.wall / each.wall:14.2f} {each.processor:12.1f} {each.processor / one.processor:7.2f}"
        print(f"{name:16} {each.wall:8.1f} {ratios}")
    print("the tables are the same" if len(tables) == 1 else "THE TABLES DIFFER")


if __name__ == "__main__":
    main()
