// The product of two float32 numbers, rounded once to the nearest, ties to even, subnormal numbers too.

module float32_multiply (
    input  logic [31:0] a,
    input  logic [31:0] b,
    output logic [31:0] product
);
    wire sign = a[31] ^ b[31];
    wire a_special = &a[30:23];
    wire b_special = &b[30:23];
    wire is_nan = (a_special && a[22:0] != 0) || (b_special && b[22:0] != 0)
        || (a_special && b[30:0] == 0) || (b_special && a[30:0] == 0);

    wire [47:0] exact = {a[30:23] != 0, a[22:0]} * {b[30:23] != 0, b[22:0]};
    wire [7:0] a_power = a[30:23] == 0 ? 8'd1 : a[30:23];
    wire [7:0] b_power = b[30:23] == 0 ? 8'd1 : b[30:23];

    // The leading one to bit 47; `power` is the result's exponent field where that is normal.
    function automatic [5:0] zeros_before(input [47:0] number);
        integer i;
        zeros_before = 6'd47;
        for (i = 0; i < 48; i = i + 1) if (number[i]) zeros_before = 6'd47 - i[5:0];
    endfunction
    wire [5:0] zeros = zeros_before(exact);
    wire [47:0] normal = exact << zeros;
    wire signed [10:0] power = $signed({3'b0, a_power}) + $signed({3'b0, b_power}) - 11'sd126
        - $signed({5'b0, zeros});

    // 24 bits are kept, fewer of a subnormal result.
    wire signed [10:0] short = power < 1 ? 11'sd1 - power : 11'sd0;
    wire [5:0] shift = short > 11'sd30 ? 6'd30 : short[5:0];
    wire [77:0] shifted = {normal, 30'b0} >> shift;
    wire [23:0] kept = shifted[77:54];
    wire round_up = shifted[53] && (shifted[52:0] != 0 || kept[0]);
    // A leading one in `kept` adds 1 to the exponent field, and so does a carry.
    wire [8:0] below = power < 1 ? 9'd0 : power[8:0] - 9'd1;
    wire [32:0] encoded = {1'b0, below, 23'b0} + {9'b0, kept} + {32'b0, round_up};
    wire is_infinite = a_special || b_special || power > 11'sd254 || encoded >= 33'h7f800000;

    assign product = is_nan ? 32'h7fc00000
                   : exact == 0 ? {sign, 31'b0}
                   : {sign, is_infinite ? 31'h7f800000 : encoded[30:0]};
endmodule
