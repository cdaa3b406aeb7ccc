// A neuron's value: activation(scale * state) in float32, and rounded to float16; one multiplier for all steps.
//
// `start` takes a state; some cycles later `done`, and `value` is there.

module activation_unit (
    input  logic        clock,
    input  logic        reset,
    input  logic        start,
    input  logic [31:0] state,
    input  logic [31:0] scale,
    input  logic [4:0]  activation,
    input  logic [31:0] parameter_0,
    input  logic [31:0] parameter_1,
    output logic        done,
    output logic [31:0] result,
    output logic [15:0] value
);
    localparam [31:0] ONE = 32'h3f800000;
    logic [1:0] step;                     // 0: the scaled state; 1 and 2: HARD_SIGMOID, 3: HARD_SWISH
    logic [31:0] scaled, kept;
    wire is_swish = activation == words::ACTIVATION_HARD_SWISH;
    wire is_hard = activation == words::ACTIVATION_HARD_SIGMOID || is_swish;

    wire [31:0] product;
    float32_multiply multiply (
        .a(step == 2'd0 ? state : scaled),
        .b(step == 2'd0 ? scale : step == 2'd3 ? kept : parameter_0),
        .product(product)
    );

    // Numbers in an order of unsigned integers, both zeros alike.
    function automatic [31:0] ordered(input [31:0] single);
        ordered = single[30:0] == 0 ? 32'h80000000 : single[31] ? ~single : single ^ 32'h80000000;
    endfunction
    wire is_nan = &scaled[30:23] && scaled[22:0] != 0;
    wire is_zero = scaled[30:0] == 0;
    wire is_negative = scaled[31] && !is_zero;
    wire [31:0] at_least = ordered(scaled) < ordered(parameter_0) ? parameter_0 : scaled;
    wire [31:0] clipped = ordered(at_least) > ordered(parameter_1) ? parameter_1 : at_least;

    // SHRINK moves a number towards zero, where it is further than the limit; the others add beta.
    wire is_above = !is_nan && ordered(scaled) > ordered(parameter_0);
    wire is_below = !is_nan && ordered(scaled) < ordered({!parameter_0[31], parameter_0[30:0]});
    wire [31:0] sum;
    float32_add add (
        .a(is_hard ? kept : scaled),
        .b({parameter_1[31] ^ (!is_hard && is_above), parameter_1[30:0]}),
        .sum(sum)
    );
    wire sum_nan = &sum[30:23] && sum[22:0] != 0;
    wire [31:0] between = sum_nan ? sum : sum[31] || sum[30:0] == 0 ? 32'b0 : sum[30:0] > ONE[30:0] ? ONE : sum;

    wire [31:0] whole;
    float32_integral integral (
        .single(scaled),
        .is_floor(activation == words::ACTIVATION_FLOOR),
        .is_ceil(activation == words::ACTIVATION_CEIL),
        .whole(whole)
    );

    always_comb case (activation)
        words::ACTIVATION_RELU:             result = is_negative && !is_nan ? 32'b0 : scaled;
        words::ACTIVATION_CLIP:             result = is_nan ? scaled : clipped;
        words::ACTIVATION_LEAKY_RELU:       result = is_negative ? product : scaled;
        words::ACTIVATION_ABSOLUTE:         result = {1'b0, scaled[30:0]};
        words::ACTIVATION_THRESHOLDED_RELU: result = is_above ? scaled : 32'b0;
        words::ACTIVATION_SIGN:             result = is_nan || is_zero ? scaled : {scaled[31], ONE[30:0]};
        words::ACTIVATION_SHRINK:           result = is_above || is_below ? sum : 32'b0;
        words::ACTIVATION_FLOOR, words::ACTIVATION_CEIL,
        words::ACTIVATION_ROUND:            result = whole;
        words::ACTIVATION_HARD_SIGMOID:     result = between;
        words::ACTIVATION_HARD_SWISH:       result = product;
        default:                            result = scaled;   // IDENTITY
    endcase

    float32_to_half narrow (.single(result), .half(value));
    assign done = step == (is_swish ? 2'd3 : is_hard ? 2'd2 : 2'd1);

    always_ff @(posedge clock) begin
        if (reset) step <= 2'd0;
        else if (step == 2'd0) step <= {1'b0, start};
        else step <= done ? 2'd0 : step + 2'd1;
        if (start) scaled <= product;
        kept <= step == 2'd1 ? product : between;
    end
endmodule
