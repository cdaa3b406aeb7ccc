"""snc compiles trained neural networks into memory images for event-based accelerators.

Nothing is imported before it is asked for: `import snc` costs nothing, and a clone may have any name.
"""

from typing import TYPE_CHECKING

__all__ = [
    "Chip",
    "ChipImage",
    "Compiled",
    "Fire",
    "Options",
    "Prepared",
    "Session",
    "Simulation",
    "SncError",
    "Verification",
    "__version__",
    "bill",
    "compile",
    "load",
    "load_target",
    "prepare",
    "verify",
]

if TYPE_CHECKING:
    from .backends.machine.machine import Fire
    from .compiler.api import ChipImage, Compiled, Session, Simulation, bill, compile, load, verify
    from .compiler.pipeline.options import Options
    from .compiler.pipeline.prepare import Prepared, prepare
    from .compiler.running.outcome import Verification
    from .compiler.targets.target import load_target
    from .ir.chip import Chip
    from .ir.errors import SncError
    from .ir.version import __version__
else:
    _HOMES = {
        "Chip": ".ir.chip",
        "ChipImage": ".compiler.api",
        "Compiled": ".compiler.api",
        "Fire": ".backends.machine.machine",
        "Options": ".compiler.pipeline.options",
        "Prepared": ".compiler.pipeline.prepare",
        "Session": ".compiler.api",
        "Simulation": ".compiler.api",
        "SncError": ".ir.errors",
        "Verification": ".compiler.running.outcome",
        "__version__": ".ir.version",
        "bill": ".compiler.api",
        "compile": ".compiler.api",
        "load": ".compiler.api",
        "load_target": ".compiler.targets.target",
        "prepare": ".compiler.pipeline.prepare",
        "verify": ".compiler.api",
    }

    def __getattr__(name):
        """The public name, imported from its home at first use."""
        from importlib import import_module

        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name], __name__), name)

    def __dir__():
        return sorted(__all__)
