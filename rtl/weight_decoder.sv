// The number that the bits of a weight stand for: (-1)^sign * magnitude * 2^exponent, exactly.
//
// `raw` has the number in its lowest bits; what is above them is of its neighbours.

module weight_decoder (
    input  logic [2:0]         code,
    input  logic [3:0]         number_bits,
    input  logic [1:0]         exponent_bits,
    input  logic               subnormals,
    input  logic signed [7:0]  scale,      // the kernel descriptor's exponent
    input  logic [31:0]        raw,
    output logic               sign,
    output logic [23:0]        magnitude,
    output logic signed [9:0]  exponent
);
    // Two's complement of up to 8 bits: shifted to the top of a byte, and back with its sign.
    wire [3:0] whole_bits = code == words::WEIGHT_FIXED8 ? 4'd8 : number_bits;
    wire [7:0] top = raw[7:0] << (4'd8 - whole_bits);
    wire signed [7:0] whole = $signed(top) >>> (4'd8 - whole_bits);
    wire [7:0] whole_size = whole[7] ? -whole : whole;

    // AdaptivFloat: sign, E of exponent_bits, M of what is left.
    wire [3:0] fraction_bits = number_bits - 4'd1 - {2'b0, exponent_bits};
    wire [7:0] fraction = raw[7:0] & ~(8'hff << fraction_bits);
    wire [7:0] power = (raw[7:0] >> fraction_bits) & ~(8'hff << exponent_bits);
    wire [7:0] one = 8'd1 << fraction_bits;
    wire [8:0] adaptive_size = subnormals && power == 0 ? {fraction, 1'b0}
                             : power == 0 && fraction == 0 ? 9'd0
                             : {1'b0, one | fraction};

    wire signed [9:0] scaled = {{2{scale[7]}}, scale};

    wire is_half = code == words::WEIGHT_FLOAT16;
    wire is_whole = code == words::WEIGHT_FIXED8 || code == words::WEIGHT_FIXED;
    wire is_adaptive = code == words::WEIGHT_ADAPTIVE;
    wire is_sign = code == words::WEIGHT_SIGN;      // one bit: 1, or -1 where it is set

    assign sign = is_half ? raw[15]
        : is_whole ? whole[7]
        : is_sign ? raw[0]
        : is_adaptive ? raw[{1'b0, number_bits} - 5'd1]
        : raw[31];
    assign magnitude = is_half ? {13'b0, raw[14:10] != 0, raw[9:0]}
        : is_whole ? {16'b0, whole_size}
        : is_sign ? 24'd1
        : is_adaptive ? {15'b0, adaptive_size} << power
        : {raw[30:23] != 0, raw[22:0]};
    // The exponent field of a number of zero exponent counts as 1, for it is subnormal.
    wire [7:0] field = is_half ? {3'b0, raw[14:10]} : raw[30:23];
    wire signed [9:0] floating = $signed({2'b0, field}) + $signed({9'b0, field == 0})
        - (is_half ? 10'sd25 : 10'sd150);
    assign exponent = scaled + (is_whole || is_sign ? 10'sd0
        : is_adaptive ? -$signed({6'b0, fraction_bits})
        : floating);
endmodule
