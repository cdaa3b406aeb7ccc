// A whole number beside a float32: the largest that is not above it, the least that is not below it, or the
// nearest, ties to even.

module float32_integral (
    input  logic [31:0] single,
    input  logic        is_floor,
    input  logic        is_ceil,          // neither: the nearest
    output logic [31:0] whole
);
    wire [7:0] power = single[30:23];
    wire [7:0] shift = 8'd150 - power;    // bits behind the point, where there are some and a one before it
    wire [30:0] mask = ~(31'h7fffffff << shift[4:0]);
    wire [30:0] half = (mask >> 1) + 31'd1;
    wire [30:0] part = single[30:0] & mask;
    wire is_odd = single[shift[4:0]];
    wire away = is_floor ? single[31] : is_ceil ? !single[31] : part > half || (part == half && is_odd);
    wire [30:0] up = away && part != 0 ? mask + 31'd1 : 31'd0;
    // Below 1: the nearest of 0.5 is 0.
    wire to_one = single[30:0] != 0
        && (is_floor ? single[31] : is_ceil ? !single[31] : power == 8'd126 && single[22:0] != 0);

    assign whole = power >= 8'd150 ? single
        : power < 8'd127 ? {single[31], to_one ? 31'h3f800000 : 31'd0}
        : {single[31], (single[30:0] & ~mask) + up};
endmodule
