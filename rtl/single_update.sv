// One synapse of a state of 32 bits: state + weight * value in float32, product and sum each rounded once.

module single_update (
    input  logic [31:0]        state,
    input  logic [15:0]        value,
    input  logic               weight_sign,
    input  logic [23:0]        weight_magnitude,
    input  logic signed [9:0]  weight_exponent,
    output logic [31:0]        result
);
    // The weight as a float32: its leading one to bit 23, but a subnormal number no further than 2^-149.
    function automatic [4:0] zeros_before(input [23:0] number);
        integer i;
        zeros_before = 5'd23;
        for (i = 0; i < 24; i = i + 1) if (number[i]) zeros_before = 5'd23 - i[4:0];
    endfunction
    wire [4:0] zeros = zeros_before(weight_magnitude);
    wire signed [10:0] most = {weight_exponent[9], weight_exponent} + 11'sd149;
    wire is_subnormal = most < $signed({6'b0, zeros});
    wire [4:0] left = most < 0 ? 5'd0 : is_subnormal ? most[4:0] : zeros;
    wire [23:0] normal = weight_magnitude << left;
    wire signed [10:0] power = most - $signed({6'b0, zeros}) + 11'sd1;
    wire [30:0] size = weight_magnitude == 0 ? 31'd0
                     : is_subnormal ? {8'd0, normal[22:0]}
                     : power > 11'sd254 ? 31'h7f800000
                     : {power[7:0], normal[22:0]};

    wire [31:0] single, product;
    half_to_float32 widen (.half(value), .single(single));
    float32_multiply multiply (.a({weight_sign, size}), .b(single), .product(product));
    float32_add add (.a(state), .b(product), .sum(result));
endmodule
