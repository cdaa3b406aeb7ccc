"""Tensors of an image: their pieces in the coordinates of the fragments that they lie in."""

from collections.abc import Mapping

from ...ir.mapping import CoreId, FragmentId, Plan
from ...ir.mapping import Mapping as Mapped
from ...ir.network import Piece, Tensor
from .image import ImagePiece, ImageTensor


def image_tensor(
    tensor: Tensor, mapping: Mapped, core_of: Mapping[FragmentId, CoreId], address: Mapping[FragmentId, int]
) -> ImageTensor:
    """A tensor of a mapped network, fragment by fragment."""
    fragments = mapping.of_population()
    pieces = [
        cut
        for piece in tensor.pieces
        for f in fragments[piece.population]
        if (cut := piece_within(piece, mapping.plans[f], core_of[f], address[f])) is not None
    ]
    return ImageTensor(tensor.name, tensor.kind, tensor.shape, tensor.dtype, tuple(pieces), tensor.layer)


def piece_within(piece: Piece, plan: Plan, core: int, population: int) -> ImagePiece | None:
    """The part of a tensor's piece that lies in a fragment, in the fragment's own coordinates."""
    fragment = plan.fragment
    low, high = [], []
    for start, size, span in (
        (piece.c0, piece.depth, fragment.c),
        (piece.y0, piece.height, fragment.y),
        (piece.x0, piece.width, fragment.x),
    ):
        low.append(max(start, span.start))
        high.append(min(start + size, span.stop))
    if any(b <= a for a, b in zip(low, high, strict=True)):
        return None
    steps = piece.step_c, piece.step_y, piece.step_x
    origin = piece.c0, piece.y0, piece.x0
    base = piece.base + sum((a - o) * s for a, o, s in zip(low, origin, steps, strict=True))
    c, y, x = low[0] - fragment.c.start, low[1] - fragment.y.start, low[2] - fragment.x.start
    d, h, w = (b - a for a, b in zip(low, high, strict=True))
    return ImagePiece(core, population, c, y, x, d, h, w, base, *steps)
