"""What a training has finished, in a file beside its image to come: a line of JSON, and the image so far."""

import json
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Self

import numpy as np

from ....backends.image.container import read_image, write_image, write_whole
from ....backends.machine.learning.pupil import Learnt, Taught
from ....ir.errors import BadInput, Origin
from ..simulating.partial import SUFFIX
from .train import Lessons

HINT = "remove it, or leave --resume away"


class PartialTraining:
    """The file: written while the training runs, and gone with the end of a `with` block that is no error."""

    def __init__(self, target: Path, run: Mapping[str, object], streams: int) -> None:
        self.path = target.with_name(target.name + SUFFIX)
        self._run = json.loads(json.dumps(run))
        self._streams = streams
        self._done = 0

    def keep(self, found: Lessons) -> None:
        """Writes what is finished, whole. Raises BadInput where it cannot be written."""
        data = write_image(found.image)
        head = {
            "run": self._run,
            "frames": found.frames,
            "streams": found.streams,
            "learnt": asdict(found.learnt),
            "taught": [[each.heard.tolist(), each.learnt.tolist()] for each in found.taught],
            "events": found.events,
            "synaptic_operations": found.synaptic_operations,
            "seconds": found.seconds,
            "checksum": zlib.crc32(data),
        }
        write_whole(self.path, json.dumps(head).encode() + b"\n" + data)
        self._done = found.streams

    def resume(self, begun: Lessons, taught: tuple[Taught, ...]) -> Lessons:
        """Where a training of the same run had come; `begun` where there is none. `taught`: the synapses of
        the image's rules. Raises BadInput where it is another run's, or damaged.
        """
        origin = Origin(file=str(self.path))
        try:
            line, _, data = self.path.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return begun
        except OSError as error:
            raise BadInput(origin, f"cannot be read ({error.strerror})", hint="remove it") from None
        try:
            head = json.loads(line)
            if head["checksum"] != zlib.crc32(data):
                raise ValueError
            if changed := [name for name in self._run if head["run"].get(name) != self._run[name]]:
                raise BadInput(origin, f"is of another run: {', '.join(changed)} changed", hint=HINT)
            counts = zip(taught, head["taught"], strict=True)
            found = Lessons(
                read_image(data, self.path.name),
                head["frames"],
                head["streams"],
                Learnt(**head["learnt"]),
                tuple(each.counted(np.array(heard), np.array(learnt)) for each, (heard, learnt) in counts),
                head["events"],
                head["synaptic_operations"],
                head["seconds"],
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise BadInput(origin, "is no partial training", hint=HINT) from None
        self._done = found.streams
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is None:
            with suppress(OSError):
                self.path.unlink()

    def summary(self) -> str:
        """What is left of an interrupted training, in words."""
        if not (self._done and self.path.exists()):
            return ""
        done = f"{self._done:,} of {self._streams:,} recordings"
        return f"{done} are kept in {self.path}, --resume goes on from there"
