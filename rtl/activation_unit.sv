// A neuron's value: activation(scale * state) in float32, rounded to float16; one multiplier for both steps.
//
// `start` takes a state; in the next cycle `done`, and `value` is there.

module activation_unit (
    input  logic        clock,
    input  logic        reset,
    input  logic        start,
    input  logic [15:0] state,
    input  logic [31:0] scale,
    input  logic [4:0]  activation,
    input  logic [31:0] parameter_0,
    input  logic [31:0] parameter_1,
    output logic        done,
    output logic [15:0] value
);
    logic is_second;                      // the second step: the activation function itself
    logic [31:0] scaled;

    wire [31:0] held;
    half_to_float32 widen (.half(state), .single(held));

    wire [31:0] product;
    float32_multiply multiply (
        .a(is_second ? scaled : held),
        .b(is_second ? parameter_0 : scale),
        .product(product)
    );

    wire is_nan = &scaled[30:23] && scaled[22:0] != 0;
    // Numbers in an order of unsigned integers, both zeros alike.
    function automatic [31:0] ordered(input [31:0] single);
        ordered = single[30:0] == 0 ? 32'h80000000 : single[31] ? ~single : single ^ 32'h80000000;
    endfunction
    wire [31:0] at_least = ordered(scaled) < ordered(parameter_0) ? parameter_0 : scaled;
    wire [31:0] clipped = ordered(at_least) > ordered(parameter_1) ? parameter_1 : at_least;
    wire is_negative = scaled[31] && scaled[30:0] != 0;

    wire [31:0] result = activation == words::ACTIVATION_RELU ? (is_negative && !is_nan ? 32'b0 : scaled)
        : activation == words::ACTIVATION_CLIP ? (is_nan ? scaled : clipped)
        : activation == words::ACTIVATION_LEAKY_RELU && is_negative ? product
        : scaled;                         // IDENTITY

    float32_to_half narrow (.single(result), .half(value));
    assign done = is_second;

    always_ff @(posedge clock) begin
        is_second <= start && !reset;
        if (start) scaled <= product;
    end
endmodule
