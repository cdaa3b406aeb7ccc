// What a sigma-delta neuron sends: what its value is more than what it has sent so far, where that is enough.
//
// All in float32 with one adder, three steps: the change, the least that is sent, and what has been sent then.

module sigma_delta (
    input  logic        clock,
    input  logic        reset,
    input  logic        start,
    input  logic [31:0] computed,         // activation(scale * accumulator)
    input  logic [15:0] sent,             // so far
    input  logic [31:0] threshold,
    output logic        done,
    output logic [15:0] value,            // 0 where it is not worth sending
    output logic [15:0] sent_next
);
    localparam [1:0] CHANGE = 2'd0, LEAST = 2'd1, SUM = 2'd2;
    logic [1:0] step;
    logic [31:0] change, found;

    wire [31:0] held, target, rounding, sum;
    half_to_float32 widen (.half(sent), .single(held));
    // The changes are those of a float16: they come to an end.
    logic [15:0] near;
    float32_to_half narrow_computed (.single(computed), .half(near));
    half_to_float32 widen_computed (.half(near), .single(target));
    // abs(sent) * 2^-22: what float32's last bits change is no change.
    wire is_special = &held[30:23];
    assign rounding = held[30:0] == 0 || is_special ? {1'b0, held[30:0]}
        : {1'b0, held[30:23] - 8'd22, held[22:0]};
    float32_add add (
        .a(step == CHANGE ? target : step == LEAST ? threshold : held),
        .b(step == CHANGE ? {!held[31], held[30:0]} : step == LEAST ? rounding : found),
        .sum(sum)
    );

    // abs(change) > sum: false where either is a NaN; a negative limit is less than all.
    wire change_nan = &change[30:23] && change[22:0] != 0;
    wire sum_nan = &sum[30:23] && sum[22:0] != 0;
    wire is_enough = !change_nan && !sum_nan && ((sum[31] && sum[30:0] != 0) || change[30:0] > sum[30:0]);

    float32_to_half narrow_value (.single(found), .half(value));
    logic [31:0] after;
    float32_to_half narrow_sent (.single(after), .half(sent_next));

    always_ff @(posedge clock) begin
        done <= !reset && step == SUM;
        if (reset) step <= CHANGE;
        else if (step != CHANGE || start) step <= step == SUM ? CHANGE : step + 2'd1;
        if (step == CHANGE) change <= sum;
        if (step == LEAST) found <= is_enough ? change : 32'd0;
        if (step == SUM) after <= sum;
    end
endmodule
