"""The process that is `snc`: an interrupt ends it at any moment, with one line and no half file.

Nothing large is imported here: what comes first must be able to deal with what comes next. An interrupt is
an exception in the main thread, as ever, so that what is known is kept. But libraries may swallow it, turn it
into an error of theirs, or not come back for a while. So it is remembered; and where the process has not
ended soon after, a thread ends it.
"""

import gc
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130  # 128 + SIGINT, as shells say it
GRACE = 1.0  # seconds that the main thread has to end by itself
# A library whose functions are called by machine code of its own, which an exception leaves with nothing.
CALLED_BACK, LATER = f"{os.sep}llvmlite{os.sep}", 0.01  # its folder; seconds after which it is likely done
YOUNG = 10_000  # objects before those among them are looked for that hold each other: imports make many
# The importer, while a library of machine code begins: some do not outlive an exception then.
BEGINNING = "ExtensionFileLoader.create_module", "ExtensionFileLoader.exec_module"
WRITERS = "backends.image.container"  # the module that knows of half-written files
SHOW_CURSOR = b"\r\x1b[K\x1b[?25h"


class Interrupts:
    """What is known of interrupts of this process."""

    def __init__(self) -> None:
        self.is_any = False
        self.is_said = False

    def begin(self) -> None:
        """From now on an interrupt is dealt with."""
        signal.signal(signal.SIGINT, self._raise)
        receiver, sender = os.pipe()
        os.set_blocking(sender, False)
        signal.set_wakeup_fd(sender, warn_on_full_buffer=False)
        threading.Thread(target=self._watch, args=(receiver,), daemon=True).start()
        shown = sys.unraisablehook
        sys.unraisablehook = lambda found: None if self.is_any else shown(found)

    def over(self) -> None:
        """All is done: what comes now comes too late."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _raise(self, number: int, frame: FrameType | None) -> None:
        if self.is_any:  # the second must not disturb what the first has begun
            return
        if _is_called_back(frame):
            threading.Timer(LATER, signal.raise_signal, (number,)).start()
            return
        self.is_any = True
        raise KeyboardInterrupt

    def _watch(self, receiver: int) -> None:
        """Ends the process where an interrupt has not."""
        while os.read(receiver, 1)[0] != signal.SIGINT:
            pass
        time.sleep(GRACE)
        self.is_any = True
        self.end()

    def end(self) -> NoReturn:
        """Ends an interrupted process, whatever libraries still want to do."""
        writers = sys.modules.get(f"{__package__.rpartition('.')[0]}.{WRITERS}")
        for half in tuple(getattr(writers, "UNFINISHED", ())):
            half.unlink(missing_ok=True)
        if not self.is_said:
            cursor = SHOW_CURSOR if os.isatty(2) else b""
            os.write(2, cursor + b"snc: interrupted\n")
        os._exit(INTERRUPTED)


def _is_called_back(frame: FrameType | None) -> bool:
    """Whether a frame, or one that has called it, is the library's, or that of one which begins."""
    while frame is not None:
        code = frame.f_code
        if CALLED_BACK in code.co_filename or code.co_qualname in BEGINNING:
            return True
        frame = frame.f_back
    return False


def main() -> int:
    """The exit code of the process."""
    interrupts = Interrupts()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
    try:
        if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # as of jobs in the background
            interrupts.begin()
        from .main import main as run

        exit_code = run(is_interrupted=lambda: interrupts.is_any)
        interrupts.is_said = exit_code == INTERRUPTED
        if not interrupts.is_any:
            interrupts.over()
        gc.freeze()  # the interpreter would look through all objects once more, to free what the end frees
    except BaseException:
        if not interrupts.is_any:
            raise
    if interrupts.is_any:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        interrupts.end()
    return exit_code
