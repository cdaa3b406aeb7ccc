"""`snc sweep`: models, targets and options, and every combination of them as a row of one table."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import options
from ..views.errors import code_of
from ..views.show import Sheet, progress, say, say_json, short

if TYPE_CHECKING:
    from ...compiler.sweeping.table import Row


@click.command("sweep")
@click.argument("spec", type=options.FILE, metavar="SPEC.toml")
@click.option(
    "--store",
    "store_file",
    type=options.FILE,
    metavar="FILE.db",
    help="Where rows are kept as soon as they are known; what is there is not made again. "
    "[default: beside the file]",
)
@click.option("--jobs", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes.")
@click.option(
    "--scheduler", metavar="ADDRESS", help="Run on the Dask cluster of this scheduler: tcp://host:8786."
)
@click.option("--retry-failed", is_flag=True, help="Make the points again that have no image.")
@click.option("--csv", "csv_file", type=options.FILE, metavar="FILE.csv", help="Write the table, too.")
@click.option("--html", type=options.FILE, metavar="FILE.html", help="Write a page with charts, too.")
@options.charts
@options.as_json
def sweep_command(
    spec: Path,
    store_file: Path | None,
    jobs: int,
    scheduler: str | None,
    retry_failed: bool,
    csv_file: Path | None,
    html: Path | None,
    charts: Path | None,
    as_json: bool,
) -> None:
    """Compile and measure every combination of models, targets and options.

    The combinations stand in SPEC.toml (docs/sweep.md). A sweep that was ended goes on where it was with the
    same command. A model that does not fit is a row with the reason, and no error.
    """
    from ...compiler.reports.loose import save_loose
    from ...compiler.running import outputs
    from ...compiler.sweeping.cluster import Cluster
    from ...compiler.sweeping.points import points
    from ...compiler.sweeping.processes import Processes
    from ...compiler.sweeping.report import sweep_csv, sweep_page, sweep_sections
    from ...compiler.sweeping.run import Engine, alone, run
    from ...compiler.sweeping.spec import read_spec
    from ...compiler.sweeping.store import Store
    from ...compiler.sweeping.table import as_rows, rows

    outputs.suffixed(csv_file, ".csv")
    outputs.suffixed(html, ".html")
    kept = store_file or spec.with_suffix(".db")
    outputs.plan((kept, csv_file, html), (spec,))
    wanted = points(read_spec(spec))
    engine: Engine = alone
    if scheduler is not None:
        engine = Cluster(scheduler)
    elif jobs > 1:
        engine = Processes(jobs)
    state = ""
    with progress("sweep") as bar, Store(kept) as store:

        def seen(done: int, total: int, name: str) -> None:
            nonlocal state
            state = f"{done:,} of {total:,} points are in {kept}"
            bar.at(done, total)
            bar.stage(f"sweep: {done:,} of {total:,} {name}")

        try:
            found = run(wanted, store, code_of, engine, retry=retry_failed, on_point=seen)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(state) from None
    table = rows(wanted, found)
    data = {"sweep": spec.name, "points": as_rows(table)}
    if csv_file is not None:
        outputs.save_text(csv_file, sweep_csv(table))
    if html is not None:
        outputs.save_text(html, sweep_page(spec.name, table, data))
    if charts is not None:
        save_loose(charts, sweep_sections(table))
    if as_json:
        say_json(data)
        return
    _show(table)
    say(f"rows        {kept}")


def _show(table: Sequence["Row"]) -> None:
    """What differs from point to point, the main figures, and a star for those on the front."""
    from ...compiler.sweeping.table import columns

    stated = [name for name in columns(table) if len({str(row.stated.get(name)) for row in table}) > 1]
    failed = [row for row in table if row.code]
    sheet = Sheet(
        "model*",
        "target",
        *stated,
        "memory>",
        "cores>",
        "gap>",
        "hops>",
        "uJ>",
        "us>",
        "dB>",
        "right>",
        "",
        gap=1,
    )
    for row in table:
        words = (row.model, row.target, *(_text(row.stated.get(name)) for name in stated))
        if row.code:
            sheet.add(*words, row.code, style="dim")
            continue
        of = row.figures
        sheet.add(
            *words,
            short(of["memory_bytes"] or 0),
            of["cores"],
            f"{100 * (of['gap'] or 0):.0f}%",
            of["traffic_hops"],
            *(_number(of[name], scale) for name, scale in (("energy_nj", 1e-3), ("latency_us", 1.0))),
            _number(of["sqnr_db"], 1.0),
            "" if of["accuracy"] is None else f"{100 * of['accuracy']:.1f}%",
            "*" if row.is_front else "",
        )
    sheet.show()
    say(f"points      {len(table):,}, of them {sum(row.is_front for row in table):,} on the front (*)")
    for message in dict.fromkeys(f"{row.code} {row.message}" for row in failed):
        count = sum(f"{row.code} {row.message}" == message for row in failed)
        say(f"no image    {count:,}: {message}")


def _number(value: float | None, scale: float) -> str:
    return "" if value is None else f"{value * scale:.4g}"


def _text(value: object) -> str:
    if value is None:
        return ""
    return " x ".join(map(str, value)) if isinstance(value, list) else str(value)
