"""Images for crossbars on the terminal: what `compile`, `inspect`, `simulate` and `verify` show of them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from .show import Sheet, listed, plain, say, say_json, times

if TYPE_CHECKING:
    from ...backends.crossbar.image import CrossbarImage
    from ...compiler.frontend.runtime import Arrays
    from ...compiler.pipeline.driver import Compiled
    from ...compiler.running.crossbar.run import CrossbarVerdict
    from ...compiler.running.figures import Figures

CROSSBARS_SHOWN = 8


def refuse(options: Mapping[str, object]) -> None:
    """Raises BadInput for an option that images for crossbars have no answer to yet."""
    from ...ir.errors import BadInput

    for name, value in options.items():
        if value is not None and value is not False and value != ():
            rule = f"{name} is of images for cores, this one is for crossbars"
            raise BadInput(None, rule, hint=f"leave {name} out")


def save_and_show(compiled: "Compiled", file: Path, as_json: bool) -> None:
    """Writes the image of a model that was compiled for crossbars, and shows its report."""
    from ...backends.crossbar.file import save_crossbars
    from ...compiler.pipeline.crossbar.compile import image_of

    image = image_of(compiled)
    save_crossbars(file, image)
    show_image(image, file, as_json)
    if not as_json:
        total = sum(compiled.seconds.values())
        say(f"image     {file}, {file.stat().st_size:,} bytes, compiled in {total:.1f} s")


def show_image(image: "CrossbarImage", file: Path, as_json: bool) -> None:
    """The report of an image."""
    about, chip = image.about, image.chip
    if as_json:
        facts = {"crossbars": len(image.crossbars), "image": str(file), "target": plain(chip)}
        say_json({**facts, **plain(about)})
        return
    count = len(image.crossbars)
    used = about.synapses - about.lost
    say(
        f"{about.model} on {chip.name}: {about.weights} weights, decomposed: {about.decomposed}", style="bold"
    )
    say()
    table = Sheet("layer*", "operator", "neurons>", "units>", "synapses>", "crossbars~")
    for layer in about.layers:
        held = listed(layer.crossbars) if len(layer.crossbars) <= CROSSBARS_SHOWN else len(layer.crossbars)
        table.add(layer.name, layer.op, layer.neurons, layer.units, layer.synapses, held)
    table.show()
    say()
    proof = "proven least" if count == about.crossbars_bound else f"at least {about.crossbars_bound}"
    say(f"crossbars {count} of {chip.cores}, {proof}")
    say(f"synapses  {used:,} of {about.synapses:,}, {about.lost:,} lost")
    say(f"cells     {100 * used / (count * chip.rows * chip.columns):.1f} % of those of the crossbars in use")
    say(f"hops      {about.hops:,} when every unit sends a value, at least {about.hops_bound:,}")


def run_and_show(
    image: "CrossbarImage", frames: "Sequence[Arrays]", output: Path | None, as_json: bool
) -> None:
    """Runs frames, and shows what they cost."""
    import numpy as np

    from ...backends.image.container import whole
    from ...compiler.running.crossbar.run import CrossbarRunner, costs

    runner = CrossbarRunner(image)
    found = [runner(frame) for frame in frames]
    joined = {name: np.concatenate([each[name] for each in found]) for name in found[0]}
    if output is not None:
        with whole(output) as file:
            np.savez(file, allow_pickle=False, **joined)
    counters, energy = runner.counters, costs(runner.counters, image.chip)
    if as_json:
        shapes = {name: list(array.shape) for name, array in joined.items()}
        say_json({**asdict(counters), "outputs": shapes, "estimates": asdict(energy)})
        return
    say(f"{image.about.model}: {counters.frames} frames, counted in all", style="bold")
    for name, array in joined.items():
        say(f"output      {name} {times(array.shape)}")
    say(f"units       {counters.firing:,} values that are not 0")
    far = f"{counters.spikes:,} values to other tiles, {counters.hops:,} hops"
    say(f"mesh        {far}; {counters.local:,} values to their own")
    cells = counters.used + counters.unused
    share = 100 * counters.unused / max(cells, 1)
    say(f"rows read   {counters.reads:,}: {cells:,} cells, {share:.1f} % of them without a synapse")
    say(
        f"energy      {energy.useful_nj:.3g} nJ in synapses, {energy.wasted_nj:.3g} nJ wasted, "
        f"{energy.mesh_nj:.3g} nJ on the mesh (estimates)"
    )


def show_verdict(found: "CrossbarVerdict", as_json: bool) -> None:
    """The verdict of a verification."""
    if as_json:
        say_json({**plain(found), "is_right": found.is_right})
        return
    say(f"{found.model} and {found.image}: {found.frames} frames, {found.weights} weights", style="bold")
    sides = [("mapping: the image against the network with the image's own weights", found.mapping)]
    sides.append(("the image against the original model", found.outputs))
    for title, figures in sides:
        say(title, style="bold")
        _show_figures(figures)
    if found.lost:
        say(f"{found.lost:,} synapses are pruned: the errors above are what that costs", style="bold")
        return
    worst = max((figure.max_rel_error for figure in found.mapping), default=0.0)
    verdict, sign = ("right", "at most") if found.is_right else ("WRONG", "above")
    say(
        f"the mapping is {verdict}: an error of {worst:.2g} of the peak, {sign} {found.tolerance:g}",
        style="bold",
    )


def _show_figures(figures: "Sequence[Figures]") -> None:
    table = Sheet("output*", "largest error>", "of the peak>", "SQNR dB>")
    for figure in figures:
        cells = (f"{figure.max_abs_error:.3g}", f"{figure.max_rel_error:.3g}", f"{figure.sqnr_db:.1f}")
        table.add(figure.name, *cells)
    table.show()
