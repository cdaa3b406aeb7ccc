"""snc compiles trained neural networks into memory images for event-based accelerators.

Nothing is imported before it is asked for: `import snc` costs nothing, and a clone may have any name.
"""

from typing import TYPE_CHECKING

__all__ = [
    "Chip",
    "Compiled",
    "Image",
    "Machine",
    "Options",
    "Prepared",
    "Runner",
    "SncError",
    "__version__",
    "compile_model",
    "compile_prepared",
    "load_export",
    "load_image",
    "load_target",
    "prepare",
    "save_export",
    "save_image",
    "verify_image",
]

if TYPE_CHECKING:
    from .backends.exchange.export import load_export, save_export
    from .backends.image.container import load as load_image
    from .backends.image.container import save as save_image
    from .backends.image.image import Image
    from .backends.machine.machine import Machine
    from .compiler.pipeline.driver import Compiled, compile_model, compile_prepared
    from .compiler.pipeline.options import Options
    from .compiler.pipeline.prepare import Prepared, prepare
    from .compiler.running.runner import Runner
    from .compiler.running.verify import verify as verify_image
    from .compiler.targets.target import load_target
    from .ir.chip import Chip
    from .ir.errors import SncError
    from .ir.version import __version__
else:
    _HOMES = {
        "Chip": (".ir.chip", "Chip"),
        "Compiled": (".compiler.pipeline.driver", "Compiled"),
        "Image": (".backends.image.image", "Image"),
        "Machine": (".backends.machine.machine", "Machine"),
        "Options": (".compiler.pipeline.options", "Options"),
        "Prepared": (".compiler.pipeline.prepare", "Prepared"),
        "Runner": (".compiler.running.runner", "Runner"),
        "SncError": (".ir.errors", "SncError"),
        "__version__": (".ir.version", "__version__"),
        "compile_model": (".compiler.pipeline.driver", "compile_model"),
        "compile_prepared": (".compiler.pipeline.driver", "compile_prepared"),
        "load_export": (".backends.exchange.export", "load_export"),
        "load_image": (".backends.image.container", "load"),
        "load_target": (".compiler.targets.target", "load_target"),
        "save_export": (".backends.exchange.export", "save_export"),
        "save_image": (".backends.image.container", "save"),
        "prepare": (".compiler.pipeline.prepare", "prepare"),
        "verify_image": (".compiler.running.verify", "verify"),
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
