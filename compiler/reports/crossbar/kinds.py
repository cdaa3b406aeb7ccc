"""Reports and their pages, by the kind of chip that an image is for."""

from pathlib import Path
from typing import TYPE_CHECKING

from ....backends.crossbar.image import CrossbarImage
from ...running.engines import AnyImage
from ..image_page import image_page, image_sections
from ..page import Section
from ..report import Report, compile_report, report
from .pages import crossbar_page, crossbar_sections
from .report import CrossbarReport, compiled_report, crossbar_report

if TYPE_CHECKING:
    from ...choosing.frames import StateAccuracy
    from ...pipeline.driver import Compiled

AnyReport = Report | CrossbarReport


def report_of(image: AnyImage, path: Path) -> AnyReport:
    """The report of an image that stands in a file."""
    return crossbar_report(image, path) if isinstance(image, CrossbarImage) else report(image, path)


def report_of_compiled(compiled: "Compiled", path: Path, chip: "StateAccuracy | None" = None) -> AnyReport:
    """The report of an image that has just been compiled into a file. `chip`: of cores, how near it is with
    states of 16 bits.
    """
    image: AnyImage = compiled.image
    if isinstance(image, CrossbarImage):
        return compiled_report(compiled, image, path)
    return compile_report(compiled, path, chip)


def page_of(found: AnyReport, data: object) -> str:
    """The page of a report."""
    return crossbar_page(found, data) if isinstance(found, CrossbarReport) else image_page(found, data)


def sections_of(found: AnyReport) -> list[Section]:
    """The parts of that page."""
    return crossbar_sections(found) if isinstance(found, CrossbarReport) else image_sections(found)
