"""`snc paper`: the published comparison again, ours beside the paper's figures."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options
from .compare import image_options, widths
from .views.bills import TECHNIQUES, ratio
from .views.show import Sheet, plain, progress, say, say_json, size

if TYPE_CHECKING:
    from ..compiler.billing.paper import Deviation, Reproduction

CATEGORIES = ("neurons", "connectivity", "parameters", "total")


@click.command("paper")
@click.argument("networks", nargs=-1, metavar="[NETWORK]...")
@options.target
@image_options
@widths
@click.option("--no-image", is_flag=True, help="Leave snc's own images out: seconds instead of minutes.")
@click.option(
    "--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Images made at a time."
)
@click.option("--html", type=options.FILE, metavar="FILE.html", help="Write a page with charts, too.")
@options.charts
@options.as_json
def paper_command(
    networks: tuple[str, ...],
    target: str,
    weights: str,
    states: str,
    effort: float,
    neuron_bits: int,
    core_bits: int,
    tag_bits: int,
    weight_bits: int,
    state_bits: int,
    no_image: bool,
    workers: int,
    html: Path | None,
    charts: Path | None,
    as_json: bool,
) -> None:
    """Reproduce the published memory bills of five networks.

    They are those of arXiv 2112.07019: tables 1 and 2 and figure 6. NETWORK is one of
    the paper's: PilotNet, MobileNet, ResNet50, DarkNet53, ResNet101; all by default.
    """
    from ..compiler.billing.paper import PAPER, reproduce
    from ..compiler.billing.techniques import Widths
    from ..compiler.pipeline.options import Options
    from ..compiler.reports.bill_page import paper_page, paper_sections
    from ..compiler.reports.loose import save_loose
    from ..compiler.running import outputs
    from ..compiler.targets.target import load_cores
    from ..ir.aims import StateUse

    known = {name.lower(): name for name in PAPER}
    unknown = [name for name in networks if name.lower() not in known]
    if unknown:
        raise click.BadParameter(f"{unknown[0]!r} is no network of the paper: {', '.join(PAPER)}")
    outputs.suffixed(html, ".html")
    outputs.plan((html,), (Path(target),))
    names = [known[name.lower()] for name in networks] or list(PAPER)
    chosen = Options(weights=weights, states=StateUse(states), effort=effort)
    bits = Widths(neuron_bits, core_bits, tag_bits, weight_bits, state_bits)
    with progress("paper") as bar:

        def made(name: str, done: int, total: int) -> None:
            bar.stage(name)
            bar.at(done, total)

        found = reproduce(
            names,
            load_cores(target),
            chosen,
            bits,
            ours=not no_image,
            workers=workers,
            on_network=made,
        )
    if html is not None:
        outputs.save_text(html, paper_page(found, as_object(found)))
    if charts is not None:
        save_loose(charts, paper_sections(found))
    if as_json:
        say_json(as_object(found))
        return
    for each in found:
        _show(each)


def as_object(found: Sequence["Reproduction"]) -> dict[str, Any]:
    """The reproduction as JSON has it: networks by the paper's names."""
    return {
        "networks": {
            each.name: {
                **plain(each.comparison),
                "published": plain(each.published),
                "deviations": plain(each.deviations),
            }
            for each in found
        }
    }


def _show(each: "Reproduction") -> None:
    """A network: ours, the paper's and the deviation, technique by technique."""
    found = each.comparison
    say(f"{each.name} ({found.model})", style="bold")
    table = Sheet("technique", "", "neurons>", "connect.>", "param.>", "total>", "ratio>", gap=1)
    by = {(d.technique, d.category): d for d in each.deviations}
    for key, label in TECHNIQUES.items():
        bill = getattr(found, key)
        if bill is None:
            continue
        against = {"hier_lut": found.compression.hier_lut, "lut": found.compression.lut}.get(key)
        sizes = [getattr(bill, f"{category}_bytes") for category in CATEGORIES]
        table.add(label, "ours", *map(size, sizes), "" if against is None else ratio(against))
        if (key, "total") in by:
            known = [by.get((key, category)) for category in (*CATEGORIES, "ratio")]
            table.add("", "paper", *(d.published if d else "" for d in known), style="dim")
            table.add("", "off by", *(f"{100 * d.deviation:+.1f} %" if d else "" for d in known), style="dim")
    table.show()
    if found.snc_compression is not None:
        hier, flat = ratio(found.snc_compression.hier_lut), ratio(found.snc_compression.lut)
        say(f"snc's image   {hier} times less than the hierarchical LUT, {flat} times less than the LUT")
    padded = ratio(found.compression.padded_hier_lut)
    say(f"padded        {padded} times less than the hierarchical LUT, counted with whole kernels")
    say(f"synapses      {found.synapses:,}, with whole kernels {found.padded_synapses:,}")
    cores = "" if found.cores.snc is None else f", in snc's image {found.cores.snc}"
    say(f"cores         {found.cores.paper_rules} by the paper's rules{cores}")
    _show_reasons(each.deviations)
    say()


def _show_reasons(deviations: Sequence["Deviation"]) -> None:
    """What is off by more than the paper's rounding and two per cent, and why."""
    reasons: dict[str, list[str]] = {}
    for each in deviations:
        if each.reason:
            reasons.setdefault(each.reason, []).append(f"{each.technique} {each.category}")
    for reason, figures in reasons.items():
        say(f"off           {', '.join(figures)}: {reason}")
