// One synapse: the state after an update by weight * value, rounded once (docs/image.md, Arithmetic).
//
// The product is exact. It, or for MULTIPLY its product with the state, is brought to a fixed point of
// 2^-26; what is lost below is kept as the last bit. A float16 is a multiple of 2^-24, so the sum and
// the comparisons are as exact as rounding needs them.

module update_unit (
    input  logic [2:0]         update,
    input  logic [15:0]        state,
    input  logic [15:0]        value,
    input  logic               weight_sign,
    input  logic [23:0]        weight_magnitude,
    input  logic signed [9:0]  weight_exponent,
    output logic               is_synapse,  // but for ADD, a weight of zero is none
    output logic [15:0]        result
);
    localparam [15:0] NOT_A_NUMBER = 16'h7e00;
    localparam [45:0] INFINITE = 46'd1 << 45;   // beyond all sums of finite numbers
    localparam [45:0] LARGE    = 46'd1 << 44;   // a product that makes any sum infinite: 2^18

    wire is_multiply = update == words::UPDATE_MULTIPLY;
    wire is_add      = update == words::UPDATE_ADD;

    // Numbers of float16 as magnitude * 2^exponent.
    wire state_special = &state[14:10];
    wire value_special = &value[14:10];
    wire state_nan = state_special && state[9:0] != 0;
    wire value_nan = value_special && value[9:0] != 0;
    wire [10:0] state_magnitude = {state[14:10] != 0, state[9:0]};
    wire [10:0] value_magnitude = {value[14:10] != 0, value[9:0]};
    wire [4:0] state_power = state[14:10] == 0 ? 5'd1 : state[14:10];
    wire [4:0] value_power = value[14:10] == 0 ? 5'd1 : value[14:10];
    wire weight_zero = weight_magnitude == 0;

    // The product, and its exponent.
    wire sign = weight_sign ^ value[15] ^ (is_multiply && state[15]);
    wire [34:0] pair = weight_magnitude * value_magnitude;
    wire [10:0] factor = is_multiply ? state_magnitude : 11'd1;
    wire [45:0] product = pair * factor;
    wire signed [11:0] pair_exponent =
        {{2{weight_exponent[9]}}, weight_exponent} + $signed({7'b0, value_power}) - 12'sd25;
    wire signed [11:0] exponent =
        pair_exponent + (is_multiply ? $signed({7'b0, state_power}) - 12'sd25 : 12'sd0);

    // Its leading one to bit 45, then to its place in the fixed point, in one shift.
    function automatic [5:0] zeros_before(input [45:0] number);
        integer i;
        zeros_before = 6'd45;
        for (i = 0; i < 46; i = i + 1) if (number[i]) zeros_before = 6'd45 - i[5:0];
    endfunction
    wire [5:0] zeros = zeros_before(product);
    wire [45:0] normal = product << zeros;
    wire signed [11:0] normal_exponent = exponent - $signed({6'b0, zeros});
    wire too_large = normal_exponent + 12'sd45 >= 12'sd18;
    wire signed [11:0] right = -12'sd26 - normal_exponent;
    wire [5:0] shift = right > 12'sd47 ? 6'd47 : right[5:0];
    wire [92:0] shifted = {normal, 47'b0} >> shift;
    wire [45:0] finite = product == 0 ? 46'd0
                       : too_large ? LARGE
                       : {shifted[92:48], shifted[47] | (shifted[46:0] != 0)};
    wire product_special = value_special || (is_multiply && state_special);
    wire [45:0] size = product_special ? INFINITE : finite;

    // The state in the same fixed point.
    wire [45:0] state_size = state_special ? INFINITE : {35'b0, state_magnitude} << (state_power + 5'd1);
    wire signed [47:0] term = sign ? -$signed({2'b0, size}) : $signed({2'b0, size});
    wire signed [47:0] held = state[15] ? -$signed({2'b0, state_size}) : $signed({2'b0, state_size});
    wire signed [47:0] sum = held + term;
    wire [47:0] sum_size = sum[47] ? -sum : sum;

    wire [15:0] rounded;
    round_half round_half (
        .sign(is_add ? sum[47] : sign),
        .magnitude(is_add ? sum_size[46:0] : {1'b0, size}),
        .half(rounded)
    );

    // A NaN comes in, or is made of infinities and zeros.
    wire pair_nan = value_nan || (value_special && weight_zero);
    wire sum_nan = pair_nan || state_nan || (value_special && state_special && term != held);
    wire product_nan = pair_nan || state_nan
        || (value_special && state_magnitude == 0) || (state_special && pair == 0);
    wire is_better = !pair_nan && !state_nan
        && (update == words::UPDATE_MAXIMUM ? term > held : term < held);

    assign is_synapse = is_add || !weight_zero;
    assign result = !is_synapse ? state
        : is_add ? (sum_nan ? NOT_A_NUMBER : rounded)
        : is_multiply ? (product_nan ? NOT_A_NUMBER : rounded)
        : is_better ? rounded : state;
endmodule
