"""Golden files: what a stage says of a small model, as text. `make bless` rewrites them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("unhurried", settings.default, deadline=None)  # no test asserts seconds
settings.load_profile("unhurried")

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """`golden(name, text)`: the text is what tests/golden/<name> holds, or becomes it under SNC_BLESS=1."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if os.environ.get("SNC_BLESS") == "1":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        assert path.exists(), f"there is no tests/golden/{name} yet: make bless writes it"
        assert text == path.read_text(encoding="utf-8"), f"tests/golden/{name} differs: make bless, if it may"

    return compare
