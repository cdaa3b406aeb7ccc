"""What stands inside a model comes out: functions, and branches whose condition is constant."""

from collections.abc import Callable, Mapping

import onnx

from ...ir.errors import BadInput, Origin, Unsupported

Counts = dict[tuple[str, str], int]

NESTED_MAX = 100  # functions that call functions


def inlined_functions(model: onnx.ModelProto, file: str, nodes_max: int) -> onnx.ModelProto:
    """The model with every call of one of its functions replaced by the function's nodes. Raises BadInput."""
    if not model.functions:
        return model
    nodes = _expanded(model, file)
    if nodes > nodes_max:
        rule = f"its functions make {nodes} nodes of it, at most {nodes_max} are read"
        raise BadInput(Origin(file=file), rule, hint="is the file damaged?")
    import onnx.inliner

    try:
        return onnx.inliner.inline_local_functions(model)
    except Exception:  # the inliner's kinds of error are not a public API
        rule = f"its function {model.functions[0].name} cannot be put in place"
        hint = "inline it with onnx.inliner.inline_local_functions"
        raise Unsupported(Origin(file=file), rule, hint=hint) from None


def _expanded(model: onnx.ModelProto, file: str) -> int:
    """How many nodes a model has once its functions are in place. Raises BadInput where one calls itself."""
    functions = {(function.domain, function.name): function for function in model.functions}
    known: Counts = {}
    open_: set[tuple[str, str]] = set()

    def count(node: onnx.NodeProto) -> int:
        key = (node.domain, node.op_type)
        nested = [a.g for a in node.attribute if a.HasField("g")]
        inner = sum(count(each) for graph in nested for each in graph.node)
        if key not in functions:
            return 1 + inner
        if key not in known:
            if key in open_ or len(open_) == NESTED_MAX:
                rule = f"its function {node.op_type} calls itself, or {NESTED_MAX} call each other"
                raise BadInput(Origin(file=file), rule, hint="export it again")
            open_.add(key)
            known[key] = sum(count(each) for each in functions[key].node)
            open_.remove(key)
        return known[key] + inner

    return sum(count(node) for node in model.graph.node)


def named_apart(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model whose nodes have names of their own, where they have one."""
    names = [node.name for node in model.graph.node if node.name]
    taken = set(names)
    if len(taken) == len(names):
        return model
    apart = onnx.ModelProto()
    apart.CopyFrom(model)
    seen: set[str] = set()
    for node in apart.graph.node:
        if node.name in seen:
            node.name = _free(node.name, taken)
            taken.add(node.name)
        elif node.name:
            seen.add(node.name)
    return apart


def without_constant_inputs(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model whose initializers are no inputs: before IR version 4 they had to be."""
    held = {tensor.name for tensor in model.graph.initializer}
    if model.ir_version >= 4 and not any(value.name in held for value in model.graph.input):
        return model
    found = onnx.ModelProto()
    found.CopyFrom(model)
    found.ir_version = max(model.ir_version, 4)
    kept = [value for value in model.graph.input if value.name not in held]
    del found.graph.input[:]
    found.graph.input.extend(kept)
    return found


def with_branches(model: onnx.ModelProto, taken: Mapping[str, str]) -> onnx.ModelProto:
    """The model with each If replaced by the branch that it takes, named by its first output."""
    found = onnx.ModelProto()
    found.CopyFrom(model)
    del found.graph.node[:]
    names = _names(model.graph)
    for node in model.graph.node:
        if node.op_type != "If" or node.output[0] not in taken:
            found.graph.node.append(node)
            continue
        branch = next(a.g for a in node.attribute if a.name == taken[node.output[0]])
        inner = {name: name if name not in names else _free(name, names) for name in made_names(branch)}
        names.update(inner.values())
        for tensor in branch.initializer:
            found.graph.initializer.add().CopyFrom(tensor)
            found.graph.initializer[-1].name = inner[tensor.name]
        for each in branch.node:
            found.graph.node.append(renamed(each, lambda name, inner=inner: inner.get(name, name)))  # type: ignore[misc]
        for value, name in zip(branch.output, node.output, strict=True):
            source = inner.get(value.name, value.name)
            found.graph.node.append(onnx.helper.make_node("Identity", [source], [name], node.name))
    return named_apart(found)


def without_unread(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without nodes and initializers that no output depends on, itself where there are none."""
    needed = {value.name for value in model.graph.output}
    kept = []
    for node in reversed(model.graph.node):
        if needed.intersection(filter(None, node.output)):
            kept.append(node)
            needed |= read_by(node)
    if len(kept) == len(model.graph.node) and needed.issuperset(t.name for t in model.graph.initializer):
        return model
    found = onnx.ModelProto()
    found.CopyFrom(model)
    del found.graph.node[:], found.graph.initializer[:]
    found.graph.node.extend(reversed(kept))
    found.graph.initializer.extend(each for each in model.graph.initializer if each.name in needed)
    return found


def with_first_outputs(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model whose nodes all have their first output: what is optional there goes by it."""
    if all(node.output and node.output[0] for node in model.graph.node):
        return model
    found = onnx.ModelProto()
    found.CopyFrom(model)
    names = _names(found.graph)
    for node in found.graph.node:
        if node.output and not node.output[0]:
            other = next((name for name in node.output if name), node.op_type)
            node.name = node.name or f"{node.op_type}_{other}"
            node.output[0] = _free(f"{other}/first", names)
            names.add(node.output[0])
    return found


def without_empties(
    model: onnx.ModelProto, shape: Callable[[str], tuple[int, ...] | None]
) -> onnx.ModelProto:
    """The model whose concatenations leave out operands without elements."""

    def kept(node: onnx.NodeProto) -> list[str]:
        if node.op_type != "Concat" or node.domain:
            return list(node.input)
        return [name for name in node.input if 0 not in (shape(name) or ())] or list(node.input[:1])

    if all(kept(node) == list(node.input) for node in model.graph.node):
        return model
    found = onnx.ModelProto()
    found.CopyFrom(model)
    for node in found.graph.node:
        node.input[:] = kept(node)
    return without_unread(found)


def read_by(node: onnx.NodeProto) -> set[str]:
    """What a node reads, its branches included."""
    nested = [a.g for a in node.attribute if a.HasField("g")]
    inner = {name for graph in nested for each in graph.node for name in read_by(each)}
    return {*node.input, *inner, *(value.name for graph in nested for value in graph.output)}


def renamed(node: onnx.NodeProto, new: Callable[[str], str]) -> onnx.NodeProto:
    """A node with other names of tensors, also of those that its branches read from outside."""
    made = onnx.NodeProto()
    made.CopyFrom(node)
    _rename(made, new)
    return made


def _rename(node: onnx.NodeProto, new: Callable[[str], str]) -> None:
    """Renames the tensors of a node, and in its branches those that they read from outside."""
    node.input[:] = [new(name) for name in node.input]
    node.output[:] = [new(name) for name in node.output]
    for attribute in node.attribute:
        if attribute.HasField("g"):
            own = made_names(attribute.g)
            for inner in attribute.g.node:
                _rename(inner, lambda name, own=own: name if name in own else new(name))  # type: ignore[misc]
            for value in attribute.g.output:
                value.name = value.name if value.name in own else new(value.name)


def made_names(graph: onnx.GraphProto) -> dict[str, None]:
    """The names that a graph makes itself, in order."""
    made = [tensor.name for tensor in graph.initializer]
    return dict.fromkeys([*made, *(name for node in graph.node for name in node.output if name)])


def _names(graph: onnx.GraphProto) -> set[str]:
    return {*made_names(graph), *(value.name for value in graph.input)}


def _free(name: str, taken: set[str]) -> str:
    """A name like this one that nobody has."""
    count = 2
    while f"{name}_{count}" in taken:
        count += 1
    return f"{name}_{count}"
