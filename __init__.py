"""snc compiles trained neural networks into memory images for event-based accelerators.

Nothing is imported before it is asked for: `import snc` costs nothing, and a clone may have any name.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["SncError", "__version__"]

if TYPE_CHECKING:
    from .ir.errors import SncError
else:
    _HOMES = {"SncError": ".ir.errors"}

    def __getattr__(name):
        """The public name, imported from its home at first use."""
        from importlib import import_module

        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name], __name__), name)

    def __dir__():
        return sorted(__all__)
