"""Where the rows of a sweep are kept: an SQLite file, a row for each point, committed when it is known."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from ...ir.errors import BadInput, Origin

WAIT_S = 60.0  # for another sweep that writes to the same file
APPLICATION = 0x534E4353  # "SNCS", where SQLite keeps whose file it is
TABLE = "CREATE TABLE IF NOT EXISTS points (key TEXT PRIMARY KEY, row TEXT NOT NULL) WITHOUT ROWID"
HINT = "give another file: --store"

Figure = int | float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a point: its figures by name, or why there are none (an error's code and words)."""

    figures: Mapping[str, Figure]
    code: str = ""
    message: str = ""

    @property
    def has_failed(self) -> bool:
        """Whether there is no image."""
        return bool(self.code)


class Store:
    """The outcomes of points by their keys. Whatever ends the process, what was put in stays."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = sqlite3.connect(path, timeout=WAIT_S, isolation_level=None)
            whose = self._file.execute("PRAGMA application_id").fetchone()[0]
            held = self._file.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if whose != APPLICATION and held:
                raise BadInput(Origin(file=str(path)), "is no store of a sweep", hint=HINT)
            self._file.execute("PRAGMA journal_mode = WAL")
            self._file.execute(f"PRAGMA application_id = {APPLICATION}")
            self._file.execute(TABLE)
        except sqlite3.Error as error:
            raise BadInput(
                Origin(file=str(path)), f"cannot be a sweep's store ({error})", hint=HINT
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def put(self, key: str, outcome: Outcome) -> None:
        """A point is done."""
        try:
            self._file.execute(
                "INSERT OR REPLACE INTO points VALUES (?, ?)", (key, json.dumps(asdict(outcome)))
            )
        except sqlite3.Error as error:
            raise BadInput(Origin(file=str(self.path)), f"cannot be written ({error})", hint=HINT) from None

    def known(self, keys: Iterable[str]) -> dict[str, Outcome]:
        """The outcomes of those keys that are done."""
        try:
            rows = self._file.execute("SELECT key, row FROM points").fetchall()
            wanted = set(keys)
            return {key: Outcome(**json.loads(row)) for key, row in rows if key in wanted}
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise BadInput(Origin(file=str(self.path)), f"is damaged ({error})", hint=HINT) from None
