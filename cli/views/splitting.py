"""What `snc compile --split` writes: images and ONNX files of a network's parts."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .parts import show_parts
from .show import json_text, kept_all_the_same, say, say_json

if TYPE_CHECKING:
    from ...compiler.pipeline.splitting.compile import SplitCompiled


def write_parts(
    compiled: "SplitCompiled",
    folder: Path,
    reference: Path | None,
    report_file: Path | None,
    as_json: bool,
) -> None:
    """Writes the parts of a model into a folder, and what else was asked for."""
    from ...backends.image.container import write_whole
    from ...backends.image.parts import MANIFEST, save_parts
    from ...compiler.frontend.read import to_onnx
    from ...compiler.reports.parts import parts_report
    from ...compiler.running import outputs

    save_parts(folder, compiled.image)
    if reference is not None:
        with kept_all_the_same(folder):
            graph = to_onnx(compiled.reference())
            write_whole(reference, graph.SerializeToString(deterministic=True))
    for note in compiled.prepared.graph.notes:
        click.echo(f"snc: note: {note}", err=True)
    for warning in compiled.prepared.warnings:
        click.echo(f"snc: warning: {warning}", err=True)
    report = parts_report(compiled.image, folder / MANIFEST)
    if report_file is not None:
        with kept_all_the_same(*filter(None, (folder, reference))):
            outputs.save_text(report_file, json_text(report) + "\n")
    if as_json:
        say_json(report)
        return
    show_parts(report)
    say(f"network  {folder / MANIFEST}, compiled in {sum(compiled.seconds.values()):.1f} s")
