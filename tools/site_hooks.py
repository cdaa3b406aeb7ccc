"""Hooks of the documentation's site: pages from the files at the root, and the Python reference.

Links to files of the repository that are no pages become their paths, as text.
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

import snc

ROOT = Path(__file__).parents[1]
PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<target>(?!https?:|#)[^)\s]+)\)")


def on_files(files: Files, config: Any, **_: object) -> Files:
    """Adds the pages that no file of docs/ is."""
    for source, page in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=linked(text)))
    files.append(File.generated(config, "reference.md", content=reference()))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """The pages of docs/ link to files above them."""
    return linked(markdown)


def linked(text: str) -> str:
    """A page's text with links to pages of the site, and the names of files that are none."""

    def found(match: re.Match[str]) -> str:
        target, _, anchor = match["target"].removeprefix("../").removeprefix("docs/").partition("#")
        page = PAGES.get(target, target)
        if (ROOT / "docs" / page).is_file() or page in PAGES.values():
            return f"[{match['text']}]({page}{'#' + anchor if anchor else ''})"
        return f"`{target}`" if match["text"].strip("`/") in target else f"{match['text']} (`{target}`)"

    return LINK.sub(found, text)


def reference() -> str:
    """Every public name, with its documentation."""
    names = [name for name in snc.__all__ if not name.startswith("__")]
    return "# Reference\n\n" + "".join(f"::: snc.{name}\n\n" for name in names)
