// The states of a group of synapses, of 16 or 32 bits, updated one a cycle, and written back together.

module accumulator (
    input  logic        clock,
    input  logic        reset,
    // a group of synapses, from the ESU
    input  logic        group_valid,
    output logic        group_ready,
    input  logic [14:0] group_address,
    input  logic [63:0] group_states,
    input  logic [1:0]  group_lane,
    input  logic [2:0]  group_count,
    input  logic [3:0]  group_present,    // which synapses have a weight: those of the others are skipped
    input  logic [63:0] group_weights,
    // what all synapses of the event have in common
    input  logic [2:0]  update,
    input  logic [15:0] value,
    input  logic [63:0] kernel,
    input  logic [5:0]  weight_bits,
    input  logic        is_wide,          // states are float32
    // to the core's memory
    output logic [3:0]  write_lanes,
    output logic [14:0] write_address,
    output logic [63:0] write_data,
    output logic        busy,
    output logic        is_operation      // a synaptic operation
);
    logic [14:0] address;
    logic [63:0] states, weights;
    logic [1:0] lane;
    logic [2:0] left;                     // 0: there is no group
    logic [3:0] done, present;

    wire [15:0] state = states[{lane, 4'b0} +: 16];
    wire weight_sign;
    wire [23:0] weight_magnitude;
    wire signed [9:0] weight_exponent;
    weight_decoder decoder (
        .code(kernel[words::KERNEL_CODE_LSB +: words::KERNEL_CODE_BITS]),
        .number_bits(kernel[words::KERNEL_NUMBER_BITS_LSB +: words::KERNEL_NUMBER_BITS_BITS]),
        .exponent_bits(kernel[words::KERNEL_EXPONENT_BITS_LSB +: words::KERNEL_EXPONENT_BITS_BITS]),
        .subnormals(kernel[words::KERNEL_SUBNORMALS_LSB]),
        .scale(kernel[words::KERNEL_EXPONENT_LSB +: words::KERNEL_EXPONENT_BITS]),
        .raw(weights[31:0]),
        .sign(weight_sign),
        .magnitude(weight_magnitude),
        .exponent(weight_exponent)
    );

    wire is_synapse;
    wire [15:0] result;
    update_unit unit (
        .update(update),
        .state(state),
        .value(value),
        .weight_sign(weight_sign),
        .weight_magnitude(weight_magnitude),
        .weight_exponent(weight_exponent),
        .is_synapse(is_synapse),
        .result(result)
    );

    wire [31:0] single_state = states[{lane[1], 5'b0} +: 32];
    wire [31:0] single_result;
    single_update single_update (
        .state(single_state),
        .value(value),
        .weight_sign(weight_sign),
        .weight_magnitude(weight_magnitude),
        .weight_exponent(weight_exponent),
        .result(single_result)
    );

    wire is_last = left == 3'd1;
    wire [63:0] lane_mask = (is_wide ? 64'hffffffff : 64'hffff) << {lane, 4'b0};
    wire [31:0] new_state = is_wide ? single_result : {16'b0, result};
    wire [63:0] states_next = !present[0] ? states : (states & ~lane_mask) | ({32'b0, new_state} << {lane, 4'b0});
    wire [3:0] lanes_here = (is_wide ? 4'd3 : 4'd1) << lane;

    assign busy          = left != 0;
    assign group_ready   = left == 0 || is_last;
    assign is_operation  = busy && is_synapse && present[0];
    assign write_lanes   = is_last ? done | lanes_here : 4'd0;
    assign write_address = address;
    assign write_data    = states_next;

    always_ff @(posedge clock) begin
        if (reset) left <= 3'd0;
        else if (group_valid && group_ready) left <= group_count;
        else if (left != 0) left <= left - 3'd1;
    end

    always_ff @(posedge clock) begin
        if (group_valid && group_ready) begin
            address <= group_address;
            states <= group_states;
            weights <= group_weights;
            present <= group_present;
            lane <= group_lane;
            done <= 4'd0;
        end else begin
            states <= states_next;
            if (present[0]) weights <= weights >> weight_bits;
            present <= present >> 1;
            lane <= lane + (is_wide ? 2'd2 : 2'd1);
            done <= done | lanes_here;
        end
    end
endmodule
