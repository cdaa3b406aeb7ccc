"""Pages: well formed, self-contained, with words for every drawing; in a browser nothing overlaps."""

import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from snc.backends.container import save
from snc.compiler.bill_page import comparison_page, paper_page
from snc.compiler.compare import compare
from snc.compiler.driver import Options, compile_model
from snc.compiler.estimate import estimate
from snc.compiler.image_page import image_page
from snc.compiler.outcome import simulate
from snc.compiler.page import Section, page
from snc.compiler.paper import reproduce
from snc.compiler.report import compile_report
from snc.compiler.run_page import run_page
from snc.compiler.techniques import Widths
from snc.models.catalogue import build

from .trip import CHIP

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NAMES = ["compare", "compile", "paper", "simulate"]
VOID = {"meta", "link", "br", "hr", "img", "input"}
# Reports, as the page's title, whatever is wider than the page and every pair of blocks that overlap.
PROBE = """<script>
addEventListener("load", () => {
  const found = [];
  if (document.documentElement.scrollWidth > innerWidth) found.push("wider than the window");
  const boxes = [...document.querySelectorAll("h1, h2, p, dl div, figure, table, figcaption, summary")]
    .filter(e => e.checkVisibility()).map(e => [e, e.getBoundingClientRect()]);
  boxes.forEach(([a, r], i) => boxes.slice(i + 1).forEach(([b, s]) => {
    const inside = a.contains(b) || b.contains(a);
    const beside = r.right <= s.left + 1 || s.right <= r.left + 1;
    const apart = beside || r.bottom <= s.top + 1 || s.bottom <= r.top + 1;
    if (!inside && !apart) found.push(a.tagName + " " + b.tagName);
  }));
  const drawings = [...document.querySelectorAll("figure svg")];
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
    bill = compare(path, CHIP, Options(effort=0.5), Widths())
    return {
        "compare": comparison_page(bill, {"model": bill.model}),
        "compile": image_page(compile_report(compiled, image), {"model": "pilotnet"}),
        "paper": paper_page([again], {"networks": ["PilotNet"]}),
        "simulate": run_page(run, "pilotnet", CHIP.mesh, costs, {"frames": run.frames}),
    }


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


@pytest.mark.skipif(BROWSER is None, reason="no Chromium: install Debian's package chromium")
@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("name", NAMES)
def test_in_a_browser_nothing_overlaps(name: str, width: int, pages: dict[str, str], tmp_path: Path) -> None:
    assert BROWSER is not None
    file = tmp_path / f"{name}.html"
    # A window has a least width; a frame of the page's own has none.
    inner = pages[name].replace("</body>", PROBE + "</body>")
    file.write_text(inner, encoding="utf-8")
    frame = tmp_path / "frame.html"
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
        f"--user-data-dir={tmp_path / 'profile'}",
        "--virtual-time-budget=5000",
        "--enable-logging=stderr",
        f"--window-size={max(width, 500)},6000",
    ]
    done = subprocess.run(
        [*command, "--dump-dom", frame.as_uri()], capture_output=True, text=True, timeout=120
    )
    assert "CONSOLE" not in done.stderr, done.stderr
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    assert title is not None
    found = json.loads(title[1])
    assert found["overlaps"] == []
    assert found["charts"] == sum(tag == "svg" for tag, _ in read(pages[name]).seen)
    kept = Path(os.environ.get("SNC_ARTEFACTS") or tmp_path).absolute()
    kept.mkdir(parents=True, exist_ok=True)
    picture = kept / f"{name}-{width}.png"
    subprocess.run(
        [*command, f"--screenshot={picture}", frame.as_uri()], capture_output=True, timeout=120, check=True
    )
    assert picture.stat().st_size > 20_000
