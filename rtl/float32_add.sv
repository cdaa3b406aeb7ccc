// The sum of two float32 numbers, rounded once to the nearest, ties to even, subnormal numbers too.

module float32_add (
    input  logic [31:0] a,
    input  logic [31:0] b,
    output logic [31:0] sum
);
    wire a_special = &a[30:23];
    wire b_special = &b[30:23];
    wire is_nan = (a_special && a[22:0] != 0) || (b_special && b[22:0] != 0)
        || (a_special && b_special && a[31] != b[31]);

    // The larger magnitude, and the smaller one shifted to its place: what is lost stays as the last bit.
    wire is_swapped = a[30:0] < b[30:0];
    wire [31:0] greater = is_swapped ? b : a;
    wire [31:0] lesser = is_swapped ? a : b;
    wire [7:0] greater_power = greater[30:23] == 0 ? 8'd1 : greater[30:23];
    wire [7:0] lesser_power = lesser[30:23] == 0 ? 8'd1 : lesser[30:23];
    wire [7:0] apart = greater_power - lesser_power;
    wire [5:0] shift = apart > 8'd51 ? 6'd51 : apart[5:0];
    wire [51:0] greater_size = {1'b0, greater[30:23] != 0, greater[22:0], 27'b0};
    wire [51:0] lesser_size = {1'b0, lesser[30:23] != 0, lesser[22:0], 27'b0};
    wire [103:0] shifted = {lesser_size, 52'b0} >> shift;
    wire [51:0] placed = {shifted[103:53], shifted[52] | (shifted[51:0] != 0)};
    wire [51:0] total = greater[31] == lesser[31] ? greater_size + placed : greater_size - placed;

    // The leading one to bit 51, but a subnormal result no further than its exponent allows.
    function automatic [5:0] zeros_before(input [51:0] number);
        integer i;
        zeros_before = 6'd51;
        for (i = 0; i < 52; i = i + 1) if (number[i]) zeros_before = 6'd51 - i[5:0];
    endfunction
    wire [5:0] zeros = zeros_before(total);
    wire [5:0] left = {2'b0, zeros} > greater_power ? greater_power[5:0] : zeros;
    wire [51:0] normal = total << left;
    wire [23:0] kept = normal[51:28];
    wire round_up = normal[27] && (normal[26:0] != 0 || kept[0]);
    // A leading one in `kept` adds 1 to the exponent field, and so does a carry.
    wire [8:0] below = {1'b0, greater_power} - {3'b0, left};
    wire [32:0] encoded = {1'b0, below, 23'b0} + {9'b0, kept} + {32'b0, round_up};

    assign sum = is_nan ? 32'h7fc00000
        : a_special ? a
        : b_special ? b
        : total == 0 ? {a[31] && b[31], 31'b0}
        : {greater[31], encoded >= 33'h7f800000 ? 31'h7f800000 : encoded[30:0]};
endmodule
