"""Attention: products of queries, keys and values."""

import math
from collections.abc import Sequence

import numpy as np

from ...ir.layers import Array, Layer
from .compositions import exponentials, product, row_products
from .layer_writer import Writer, composes

LEAST = -6e4  # of what is added to scores: a half holds it, and its exponential is 0
RAW, WITH_MASK = 0, 2  # modes of the fourth result


@composes("Attention")
def attention(w: Writer, layer: Layer) -> tuple[str, ...] | None:
    """Of a few tokens: masks, causal or within windows, a soft cap, heads that share keys, a past."""
    operands, mode = layer.inputs[:3], layer.integer("qk_matmul_output_mode", RAW)
    mask, past_key, past_value, valid = (layer.input(index) for index in range(3, 7))
    cap = layer.number("softcap", 0.0)
    if any(map(w.is_constant, operands)) or (valid and not w.is_constant(valid)):
        return None
    is_flat = len(w.shape(operands[0])) == 3
    counts = (layer.integer("q_num_heads", 0), *[layer.integer("kv_num_heads", 0)] * 2)
    query, key, value = (
        _by_head(w, each, count) if is_flat else each for each, count in zip(operands, counts, strict=True)
    )
    past = w.shape(past_key)[2] if past_key else 0
    if past_key:
        key, value = _behind(w, past_key, key), _behind(w, past_value, value)
    heads, size = w.shape(query)[1], w.shape(query)[3]
    scaled = w.add("Mul", query, w.constant(layer.number("scale", 0.0) or 1 / math.sqrt(size)))
    scores = row_products(w, scaled, _for_each(w, key, heads))
    shown = [scores]
    if cap:
        scores = w.add("Mul", w.add("Tanh", w.add("Mul", scores, w.constant(1 / cap))), w.constant(cap))
    shown.append(scores)
    if mask and not w.is_constant(mask):
        if w.shape(mask)[-1] != w.shape(scores)[-1] or w.graph.values[mask].dtype != "float32":
            return None
        scores = w.add("Add", scores, mask)
    allowed, bias = _mask(w, layer, scores, past)
    is_answered = np.asarray(allowed.any(axis=-1, keepdims=True))
    masked = np.where(allowed, bias, -np.inf).astype(np.float32)
    shown.append(w.add("Add", scores, w.constant(masked)) if mode == WITH_MASK and masked.any() else scores)
    added = np.where(is_answered, masked, 0).astype(np.float32)
    if added.any():
        scores = w.add("Add", scores, w.constant(added))
    powers, total = exponentials(w, scores, [3])[:2]
    weights = w.add("Mul", powers, w.add("Reciprocal", total))
    if not is_answered.all():  # a query that no key answers has a result of zeros
        weights = w.add("Mul", weights, w.constant(is_answered))
    found = product(w, weights, _for_each(w, value, heads))
    if found is None:
        return None
    if is_flat:
        batch, heads, tokens, size = w.shape(found)
        found = w.reshaped(w.transposed(found, (0, 2, 1, 3)), (batch, tokens, heads * size))
    return found, key, value, (*shown, weights)[mode]


def _by_head(w: Writer, x: str, heads: int) -> str:
    """Tokens whose features are those of several heads: heads first."""
    batch, tokens, size = w.shape(x)
    return w.transposed(w.reshaped(x, (batch, tokens, heads, size // heads)), (0, 2, 1, 3))


def _behind(w: Writer, past: str, x: str) -> str:
    """Tokens behind those of before."""
    batch, heads, tokens, size = w.shape(x)
    return w.add("Concat", past, x, shape=(batch, heads, w.shape(past)[2] + tokens, size), axis=2)


def _for_each(w: Writer, x: str, heads: int) -> str:
    """The keys, or values, of each head of queries: several heads may share theirs."""
    batch, own, tokens, size = w.shape(x)
    if own == heads:
        return x
    index = w.constant(np.arange(heads) // (heads // own), np.int64)
    return w.add("Gather", x, index, shape=(batch, heads, tokens, size), axis=1)


def _mask(w: Writer, layer: Layer, scores: str, past: int) -> tuple[Array, Array]:
    """Which keys a query sees, and what is added to the scores, as far as they are constant."""
    queries, keys = w.shape(scores)[2:]
    allowed = np.ones((1, 1, queries, keys), dtype=np.bool_)
    bias = np.zeros((1, 1, queries, keys), dtype=np.float32)
    offset = np.full((1, 1, 1, 1), past)
    if layer.input(6):
        valid = w.held(layer.inputs[6]).reshape(-1, 1, 1, 1).astype(np.int64)
        allowed = allowed & (np.arange(keys) < valid)
        offset = offset if layer.input(4) else valid - queries
    apart = np.arange(keys) - (np.arange(queries)[:, None] + offset)  # how far a key is ahead of its query
    if layer.integer("is_causal", 0):
        allowed = allowed & (apart <= 0)
    for name, ahead in (("left_window_size", -apart), ("right_window_size", apart)):
        if (most := layer.integer(name, -1)) >= 0:
            allowed = allowed & (ahead <= most)
    if layer.input(3) and w.is_constant(layer.inputs[3]):
        given = w.held(layer.inputs[3])
        given = given.reshape((1,) * (4 - given.ndim) + given.shape)
        missing = keys - given.shape[-1]
        if given.dtype == np.bool_:
            allowed = allowed & _padded(given, missing, False)
        else:
            allowed = allowed & _padded(given > -np.inf, missing, False)
            bias = bias + _padded(np.maximum(given, LEAST), missing, 0.0)
    return allowed, bias


def _padded(mask: Array, missing: int, value: float | bool) -> Array:
    """A mask that says nothing of the last keys."""
    widths: Sequence[tuple[int, int]] = [(0, 0)] * 3 + [(0, missing if mask.shape[-1] > 1 else 0)]
    return np.pad(mask, widths, constant_values=value)
