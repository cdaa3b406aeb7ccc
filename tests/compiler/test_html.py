"""Pages: well formed, self-contained, with words for every drawing; in a browser nothing overlaps."""

import html
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snc.backends.image.container import save
from snc.cli.views.show import plain
from snc.compiler.billing.compare import compare
from snc.compiler.billing.paper import reproduce
from snc.compiler.billing.techniques import Widths
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.pipeline.prepare import prepare
from snc.compiler.reports import charts
from snc.compiler.reports.bill_page import comparison_page, paper_page
from snc.compiler.reports.image_page import image_page
from snc.compiler.reports.page import Section, page
from snc.compiler.reports.report import compile_report
from snc.compiler.reports.run_page import run_page
from snc.compiler.running.estimate import estimate
from snc.compiler.running.simulating.simulation import simulate
from snc.models.catalogue import build

from .reference import CHIP

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NAMES = ["compare", "compile", "paper", "simulate"]
VOID = {"meta", "link", "br", "hr", "img", "input"}
# Reports, as the page's title, whatever is wider than the page, and every pair of blocks, or of words in a
# drawing, that overlap.
PROBE = """<script>
addEventListener("load", () => {
  const found = [];
  if (document.documentElement.scrollWidth > innerWidth) found.push("wider than the window");
  const apart = (elements) => {
    const boxes = elements.filter(e => e.checkVisibility()).map(e => [e, e.getBoundingClientRect()]);
    boxes.forEach(([a, r], i) => boxes.slice(i + 1).forEach(([b, s]) => {
      const inside = a.contains(b) || b.contains(a);
      const beside = r.right <= s.left + 1 || s.right <= r.left + 1;
      if (!inside && !beside && !(r.bottom <= s.top + 1 || s.bottom <= r.top + 1))
        found.push(a.tagName + " " + b.tagName + " " + a.textContent.trim() + " " + b.textContent.trim());
    }));
  };
  apart([...document.querySelectorAll("h1, h2, p, li, dl div, figure, table, figcaption, summary")]);
  const drawings = [...document.querySelectorAll("figure svg")];
  drawings.forEach(e => apart([...e.querySelectorAll("text")]));
  const drawn = drawings.filter(e => e.getBoundingClientRect().height > 40);
  document.title = JSON.stringify({ overlaps: found, charts: drawn.length });
});
</script>"""


class Reader(HTMLParser):
    """Checks that elements nest, and collects attributes and the data."""

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.data = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1] == "script":
            self.data += data


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.stack == []
    return reader


drawn: dict[str, list[float]] = {}  # by page


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("pages")
    path = folder / "pilotnet.onnx"
    path.write_bytes(build("pilotnet").SerializeToString(deterministic=True))
    compiled = compile_model(path, CHIP, Options(effort=0.5))
    image = folder / "pilotnet.snc"
    save(image, compiled.image)
    (again,) = reproduce(["PilotNet"], CHIP, Options(), Widths(), ours=False)
    picture = np.random.default_rng(0).standard_normal((1, 3, 66, 200)).astype(np.float32)
    name = next(tensor.name for tensor in compiled.image.tensors if tensor.kind == "input")
    run = simulate(compiled.image, image, [{name: picture}])
    costs = estimate(run, CHIP)
    bill = compare(prepare(path), CHIP, Options(effort=0.5), Widths())
    report = compile_report(compiled, image)
    makers: dict[str, Callable[[], str]] = {
        "compare": lambda: comparison_page(bill, plain(bill)),
        "compile": lambda: image_page(report, plain(report)),
        "paper": lambda: paper_page([again], plain(again)),
        "simulate": lambda: run_page(
            run, "pilotnet", CHIP.mesh, costs, plain({"run": run, "estimates": costs})
        ),
    }
    found = {}
    for page_name, make in makers.items():
        with pytest.MonkeyPatch.context() as patch:
            drawn[page_name] = watched(patch)
            found[page_name] = make()
    return found


def watched(patch: pytest.MonkeyPatch) -> list[float]:
    """All values that are drawn from now on."""
    values: list[float] = []

    def watch(name: str, numbers: Callable[..., Iterable[float]]) -> None:
        draw = getattr(charts, name)

        def watching(*arguments: Any) -> str:
            values.extend(numbers(*arguments))
            return str(draw(*arguments))

        patch.setattr(charts, name, watching)

    watch("stacked", lambda labels, parts, unit: chain(*parts.values()))
    watch(
        "grouped", lambda labels, series, unit: chain(*(v for each in series.values() for v in each.values()))
    )
    watch("mesh", lambda size, values, *labels: values.values())
    watch("cuts", lambda labels, pieces: chain(*pieces))
    return values


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_well_formed_and_loads_nothing(name: str, pages: dict[str, str]) -> None:
    reader = read(pages[name])
    for tag, attributes in reader.seen:
        for key in ("src", "href", "xlink:href"):
            value = attributes.get(key, "")
            assert value.startswith(("#", "data:")) or not value, f"{tag} {key}={value}"
    assert json.loads(reader.data)
    ids = [attributes["id"] for _, attributes in reader.seen if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {attributes["href"][1:] for tag, attributes in reader.seen if tag == "a"}
    assert targets <= set(ids)
    assert "@import" not in pages[name]


@pytest.mark.parametrize("name", NAMES)
def test_every_drawing_has_words_and_takes_the_keyboard(name: str, pages: dict[str, str]) -> None:
    seen = read(pages[name]).seen
    drawings = [attributes for tag, attributes in seen if tag == "svg"]
    words = [attributes for _, attributes in seen if attributes.get("role") == "img"]
    assert len(drawings) == len(words) > 1
    assert all(len(attributes["aria-label"]) > 20 and attributes["tabindex"] == "0" for attributes in words)
    assert all(attributes["aria-hidden"] == "true" for attributes in drawings)
    # matplotlib's stand-ins for the page's colours are all replaced.
    assert not re.search(r"#1011[0-9a-f]{2}", pages[name])


def test_the_same_page_has_the_same_bytes(tmp_path: Path) -> None:
    (found,) = reproduce(["PilotNet"], CHIP, Options(), Widths(), ours=False)
    assert paper_page([found], {}) == paper_page([found], {})


def test_names_are_text() -> None:
    text = page("<b>", "a & b", [Section("</script><script>alert(1)</script>")], {"x": "</script>"})
    assert sum(tag == "script" for tag, _ in read(text).seen) == 1


def numbers_in(value: object) -> Iterator[float]:
    """All numbers of a JSON value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from numbers_in(item)
    elif isinstance(value, int | float):
        yield float(value)


@pytest.mark.parametrize("name", NAMES)
def test_json_holds_every_number_that_is_drawn(name: str, pages: dict[str, str]) -> None:
    known = {f"{number:.9g}" for number in numbers_in(json.loads(read(pages[name]).data))}
    scales = (1, 2**10, 2**20, 2**30, 0.01)  # bytes as kB, MB and GB, shares as per cent
    assert len(drawn[name]) > 20
    for value in drawn[name]:
        assert any(f"{value * scale:.9g}" in known for scale in scales), value


def in_browser(text: str, width: int, folder: Path, picture: Path | None = None) -> dict[str, Any]:
    """What PROBE says of a page in a window of this width, and what the console does; a picture of it."""
    assert BROWSER is not None
    file, frame = folder / "page.html", folder / "frame.html"
    # A window has a least width; a frame of the page's own has none.
    file.write_text(text.replace("</body>", PROBE + "</body>"), encoding="utf-8")
    frame.write_text(
        f'<!doctype html><title>frame</title><body style="margin:0"><iframe id="f" src="{file.name}" '
        f'style="border:0;width:{width}px;height:6000px"></iframe>'
        '<script>const f=document.getElementById("f");'
        'f.addEventListener("load",()=>setTimeout(()=>{document.title=f.contentDocument.title},500));</script>',
        encoding="utf-8",
    )
    command = [
        BROWSER,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--allow-file-access-from-files",
        f"--user-data-dir={folder / 'profile'}",
        "--virtual-time-budget=5000",
        "--enable-logging=stderr",
        f"--window-size={max(width, 500)},6000",
    ]
    done = subprocess.run(
        [*command, "--dump-dom", frame.as_uri()], capture_output=True, text=True, timeout=300
    )
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    assert title is not None, done.stderr
    if picture is not None:
        shoot = [*command, f"--screenshot={picture}", frame.as_uri()]
        subprocess.run(shoot, capture_output=True, timeout=300, check=True)
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return {**json.loads(html.unescape(title[1])), "console": console}


# CI has what the tests need: there, they fail without it.
needs_browser = pytest.mark.skipif(
    BROWSER is None and not os.environ.get("CI"), reason="no Chromium: install Debian's package chromium"
)


@needs_browser
@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("name", NAMES)
def test_in_a_browser_nothing_overlaps(name: str, width: int, pages: dict[str, str], tmp_path: Path) -> None:
    kept = Path(os.environ.get("SNC_ARTEFACTS") or tmp_path).absolute()
    kept.mkdir(parents=True, exist_ok=True)
    picture = kept / f"{name}-{width}.png"
    found = in_browser(pages[name], width, tmp_path, picture)
    assert found["console"] == []
    assert found["overlaps"] == []
    assert found["charts"] == sum(tag == "svg" for tag, _ in read(pages[name]).seen)
    assert picture.stat().st_size > 20_000


@needs_browser
@pytest.mark.parametrize(
    ("fault", "key", "said"),
    [
        ('<p style="margin-top: -3rem">over the summary</p>', "overlaps", "P"),
        (
            '<figure><svg viewBox="0 0 9 9"><text>one</text><text>two</text></svg></figure>',
            "overlaps",
            "one two",
        ),
        ('<p style="width: 900px">too wide</p>', "overlaps", "wider than the window"),
        ("<script>console.error('broken')</script>", "console", "broken"),
    ],
)
def test_the_browser_sees_what_is_wrong(fault: str, key: str, said: str, tmp_path: Path) -> None:
    text = page("A page", "Its summary.", [Section("Nothing")], {"x": 1})
    found = in_browser(text.replace("<main>", f"<main>{fault}"), 400, tmp_path)
    assert any(said in each for each in found[key])
