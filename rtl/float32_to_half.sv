// The float16 nearest to a float32, ties to even, with subnormal numbers and infinities.

module float32_to_half (
    input  logic [31:0] single,
    output logic [15:0] half
);
    wire is_nan = &single[30:23] && single[22:0] != 0;
    wire [23:0] magnitude = {single[30:23] != 0, single[22:0]};
    // Exponent 113 of float32 is 1 of float16; below it numbers are subnormal and shorter.
    wire [7:0] short = single[30:23] < 8'd113 ? 8'd113 - single[30:23] : 8'd0;
    wire [4:0] shift = short > 8'd25 ? 5'd25 : short[4:0];
    wire [48:0] shifted = {magnitude, 25'b0} >> shift;
    wire [10:0] kept = shifted[48:38];
    wire round_up = shifted[37] && (shifted[36:0] != 0 || kept[0]);
    wire [7:0] below = single[30:23] < 8'd113 ? 8'd0 : single[30:23] - 8'd113;
    wire [18:0] encoded = {1'b0, below, 10'b0} + {8'b0, kept} + {18'b0, round_up};

    assign half = is_nan ? 16'h7e00 : {single[31], encoded >= 19'h7c00 ? 15'h7c00 : encoded[14:0]};
endmodule
