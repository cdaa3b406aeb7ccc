"""The float32 units of the chip in Verilog give numpy's bits, subnormal numbers and infinities included."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .test_rtl import RTL, needs

COUNT = 4000
BENCH = f"""
module bench;
    logic [31:0] a [0:{COUNT - 1}];
    logic [31:0] b [0:{COUNT - 1}];
    logic [31:0] x, y;
    wire [31:0] sum, product, floor, ceil, nearest;
    wire [15:0] half;
    float32_add add (.a(x), .b(y), .sum(sum));
    float32_multiply multiply (.a(x), .b(y), .product(product));
    float32_integral down (.single(x), .is_floor(1'b1), .is_ceil(1'b0), .whole(floor));
    float32_integral up (.single(x), .is_floor(1'b0), .is_ceil(1'b1), .whole(ceil));
    float32_integral near (.single(x), .is_floor(1'b0), .is_ceil(1'b0), .whole(nearest));
    float32_to_half narrow (.single(x), .half(half));
    integer i;
    initial begin
        $readmemh("a.memh", a);
        $readmemh("b.memh", b);
        for (i = 0; i < {COUNT}; i = i + 1) begin
            x = a[i];
            y = b[i];
            #1 $display("%h %h %h %h %h %h", sum, product, floor, ceil, nearest, half);
        end
    end
endmodule
"""


def drawn(random: np.random.Generator) -> npt.NDArray[np.float32]:
    """Any bits, numbers near to one, halves, and numbers beside what is special."""
    anything = random.integers(0, 2**32, COUNT, dtype=np.uint32).view(np.float32)
    near = random.normal(size=COUNT).astype(np.float32)
    halves = (random.integers(-40, 40, COUNT) / 2).astype(np.float32)
    edges = np.array([0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-40, 1.2e-38, 3.4e38, 1, -1], np.float32)
    return np.choose(random.integers(0, 4, COUNT), [anything, near, halves, random.choice(edges, COUNT)])


def bits(values: npt.NDArray[np.floating]) -> list[int]:
    """The bits of numbers; every NaN is the same."""
    same = np.where(np.isnan(values), np.array(np.nan, values.dtype), values)
    return [int(each) for each in same.view(f"u{values.itemsize}")]


def test_units_give_the_bits_of_float32(tmp_path: Path) -> None:
    needs("iverilog")
    random = np.random.default_rng(14)
    a, b = drawn(random), drawn(random)
    with np.errstate(all="ignore"):
        b = np.where(random.random(COUNT) < 0.2, np.nextafter(-a, b), b)  # sums that nearly vanish
    (tmp_path / "bench.sv").write_text(BENCH)
    for name, values in (("a", a), ("b", b)):
        (tmp_path / f"{name}.memh").write_text("".join(f"{each:08x}\n" for each in bits(values)))
    units = ("float32_add", "float32_multiply", "float32_integral", "float32_to_half")
    files = [str(RTL / f"{unit}.sv") for unit in units]
    iverilog, vvp = shutil.which("iverilog"), shutil.which("vvp")
    assert iverilog is not None
    assert vvp is not None
    subprocess.run([iverilog, "-g2012", "-o", "bench", "bench.sv", *files], cwd=tmp_path, check=True)
    said = subprocess.run(
        [vvp, "-n", "bench"], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout
    columns = np.array([[int(each, 16) for each in line.split()] for line in said.splitlines()], np.uint32).T
    with np.errstate(all="ignore"):
        wanted = a + b, a * b, np.floor(a), np.ceil(a), np.rint(a), a.astype(np.float16)
    for name, found, want in zip(
        ("sum", "product", "floor", "ceil", "rint", "half"), columns, wanted, strict=True
    ):
        kind = f"u{want.itemsize}"
        given = found.astype(kind).view(want.dtype)
        wrong = [
            i for i, (one, other) in enumerate(zip(bits(given), bits(want), strict=True)) if one != other
        ]
        assert not wrong, (name, a[wrong[0]], b[wrong[0]], given[wrong[0]], want[wrong[0]])
