"""snc compiles trained neural networks into memory images for event-based accelerators.

Nothing is imported before it is asked for: `import snc` costs nothing, and a clone may have any name.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = [
    "Chip",
    "Compiled",
    "Image",
    "Machine",
    "Options",
    "Runner",
    "SncError",
    "__version__",
    "compile_model",
    "load_image",
    "load_target",
    "save_image",
    "verify_image",
]

if TYPE_CHECKING:
    from .backends.container import load as load_image
    from .backends.container import save as save_image
    from .backends.image import Image
    from .backends.machine import Machine
    from .compiler.driver import Compiled, compile_model
    from .compiler.options import Options
    from .compiler.run import Runner
    from .compiler.target import load_target
    from .compiler.verify import verify as verify_image
    from .ir.chip import Chip
    from .ir.errors import SncError
else:
    _HOMES = {
        "Chip": (".ir.chip", "Chip"),
        "Compiled": (".compiler.driver", "Compiled"),
        "Image": (".backends.image", "Image"),
        "Machine": (".backends.machine", "Machine"),
        "Options": (".compiler.driver", "Options"),
        "Runner": (".compiler.run", "Runner"),
        "SncError": (".ir.errors", "SncError"),
        "compile_model": (".compiler.driver", "compile_model"),
        "load_image": (".backends.container", "load"),
        "load_target": (".compiler.target", "load_target"),
        "save_image": (".backends.container", "save"),
        "verify_image": (".compiler.verify", "verify"),
    }

    def __getattr__(name):
        """The public name, imported from its home at first use."""
        from importlib import import_module

        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home, inner = _HOMES[name]
        return getattr(import_module(home, __name__), inner)

    def __dir__():
        return sorted(__all__)
