"""Names in little room: shortened where they tell least, and still distinct."""

from collections.abc import Sequence

CUT = ".."  # stands for what is left out


def shortened(names: Sequence[str], room: int) -> list[str]:
    """Names in so many characters each: different names stay different."""
    found = [elided(name, room) for name in names]
    alike: dict[str, list[str]] = {}
    for name, short in zip(names, found, strict=True):
        alike.setdefault(short, []).append(name)
    better: dict[str, str] = {}
    for group in alike.values():
        different = list(dict.fromkeys(group))
        if len(different) > 1:
            better |= zip(different, _apart(different, room), strict=True)
    return _numbered(names, [better.get(name, short) for name, short in zip(names, found, strict=True)], room)


def elided(name: str, room: int) -> str:
    """A name in so many characters: of fused names the first, of a long one its end."""
    first = name.partition(";")[0]
    return first if len(first) <= room else CUT + first[len(CUT) - room :]


def _apart(names: Sequence[str], room: int) -> list[str]:
    """Names that are alike at their ends: what begins where they begin to differ."""
    begin = _alike(names)
    end = _alike([name[begin:][::-1] for name in names])
    found = []
    for name in names:
        middle = max(len(name) - end - begin, 1)
        start = max(0, min(begin - (room - 2 * len(CUT) - middle), begin))
        head = CUT if start else ""
        part = name[start : start + room - len(head)]
        if start + len(part) < len(name):
            part = part[: len(part) - len(CUT)] + CUT
        found.append(head + part)
    return found


def _alike(names: Sequence[str]) -> int:
    """How many characters all names begin with alike."""
    return next(
        (i for i, found in enumerate(zip(*names, strict=False)) if len(set(found)) > 1), min(map(len, names))
    )


def _numbered(names: Sequence[str], found: Sequence[str], room: int) -> list[str]:
    """Those that are still alike have numbers at their ends."""
    taken: dict[str, str] = {}
    of_name: dict[str, str] = {}
    for name, short in zip(names, found, strict=True):
        if name in of_name:
            continue
        number = 1
        unique = short
        while taken.setdefault(unique, name) != name:
            number += 1
            mark = f"~{number}"
            unique = short[: max(0, room - len(mark))] + mark
        of_name[name] = unique
    return [of_name[name] for name in names]
