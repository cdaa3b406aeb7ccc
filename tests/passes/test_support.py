"""docs/operators.md is what the functions that lower say of themselves."""

import os
from pathlib import Path

from snc.passes.support import summaries, support_table

DOCS = Path(__file__).parents[2] / "docs" / "operators.md"


def test_the_support_table_is_up_to_date() -> None:
    text = support_table()
    if os.environ.get("SNC_BLESS") == "1":
        DOCS.write_text(text, encoding="utf-8", newline="\n")
    assert DOCS.read_text(encoding="utf-8") == text, "docs/operators.md differs: make bless"


def test_every_operator_says_what_is_mapped() -> None:
    for operator, summary in summaries().items():
        assert summary.endswith("."), operator
        assert "|" not in summary, operator
