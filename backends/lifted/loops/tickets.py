"""Numbers that threads share: each change is whole, and who sees it sees all that was written before."""

from collections.abc import Callable
from threading import Lock
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

from ....ir.compiled import config

if config.DISABLE_JIT:
    LOCK = Lock()

    def taken(numbers: Any, place: Any) -> Any:
        """A number, which becomes one more."""
        with LOCK:
            numbers[place] += 1
            return numbers[place] - 1

    def raised(numbers: Any, place: Any, value: Any) -> Any:
        """A number, which becomes a value that is larger."""
        with LOCK:
            before = numbers[place]
            numbers[place] = max(before, value)
            return before

    def seen(numbers: Any, place: Any) -> Any:
        """A number as it is now."""
        with LOCK:
            return numbers[place]

else:

    def _shared(code: Callable[..., Any], *more: Any) -> Any:
        """An intrinsic that does what `code` says to the number at a place."""

        def body(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
            return code(builder, builder.gep(data, [arguments[1]]), *arguments[2:])

        return types.int64(types.Array(types.int64, 1, "C"), types.int64, *more), body

    @intrinsic
    def taken(_context: Any, numbers: Any, place: Any) -> Any:
        """A number, which becomes one more."""
        one = ir.IntType(64)(1)
        return _shared(lambda builder, at: builder.atomic_rmw("add", at, one, "acq_rel"))

    @intrinsic
    def raised(_context: Any, numbers: Any, place: Any, value: Any) -> Any:
        """A number, which becomes a value that is larger."""
        return _shared(
            lambda builder, at, value: builder.atomic_rmw("max", at, value, "acq_rel"), types.int64
        )

    @intrinsic
    def seen(_context: Any, numbers: Any, place: Any) -> Any:
        """A number as it is now."""
        return _shared(lambda builder, at: builder.load_atomic(at, "acquire", 8))
