// A core: its memory, and what reads and writes it. Events come from the mesh and go to it.
//
// The memory's reading port is given to the ESU before the PEG, and to the PEG before the control: who is
// nearest to the end goes first. States are written by the control in RESET steps, and
// what a sigma-delta neuron has sent in FIRE steps, which waits for the ESU's accumulator, by that otherwise;
// the sequencer lets no RESET meet an event.

module core #(
    parameter CORE_WORDS = 32768,
    parameter NODE = 0,                   // the core's number, for what a bench is told
    parameter LOG_QUEUE = 4
) (
    input  logic        clock,
    input  logic        reset,
    input  logic        start,
    input  logic [1:0]  order,
    input  logic [14:0] population_at,
    input  logic        in_valid,
    output logic        in_ready,
    input  logic [15:0] in_value,
    output logic        send_valid,
    input  logic        send_ready,
    output logic [59:0] send_data,
    input  logic        take_valid,
    output logic        take_ready,
    input  logic [59:0] take_data,
    output logic        busy
);
    // The memory, and who has its reading port.
    wire control_request, peg_request, esu_request;
    wire [14:0] control_address, peg_address, esu_address;
    wire esu_grant = esu_request;
    wire peg_grant = peg_request && !esu_request;
    wire control_grant = control_request && !esu_request && !peg_request;
    logic control_valid, peg_valid, esu_valid;
    always_ff @(posedge clock) begin
        control_valid <= control_grant && !reset;
        peg_valid <= peg_grant && !reset;
        esu_valid <= esu_grant && !reset;
    end

    wire [3:0] reset_lanes, update_lanes;
    wire [14:0] reset_address, update_address;
    wire [63:0] reset_states, update_states;
    wire [63:0] read_data;
    core_memory #(.CORE_WORDS(CORE_WORDS)) memory (
        .clock(clock),
        .read_enable(esu_request || peg_request || control_request),
        .read_address(esu_request ? esu_address : peg_request ? peg_address : control_address),
        .read_data(read_data),
        .write_lanes(update_lanes != 0 ? update_lanes : reset_lanes),
        .write_address(update_lanes != 0 ? update_address : reset_address),
        .write_data(update_lanes != 0 ? update_states : reset_states)
    );

    // The source's side: values, then events.
    wire control_busy, value_valid, neuron_valid, neuron_ready;
    wire [9:0] c, axons;
    wire [7:0] y, x;
    wire [15:0] value, computed;
    wire [47:0] state;
    wire is_wide_state;
    wire [14:0] axons_at;
    population_control control (
        .clock(clock), .reset(reset),
        .start(start), .order(order), .population_at(population_at), .busy(control_busy),
        .in_valid(in_valid), .in_ready(in_ready), .in_value(in_value),
        .read_request(control_request), .read_address(control_address), .read_grant(control_grant),
        .read_valid(control_valid), .read_data(read_data),
        .write_lanes(reset_lanes), .write_address(reset_address), .write_data(reset_states),
        .write_grant(update_lanes == 0),
        .value_valid(value_valid), .neuron_valid(neuron_valid), .neuron_ready(neuron_ready),
        .c(c), .y(y), .x(x), .state(state), .value(value), .computed(computed),
        .is_wide(is_wide_state), .axons_at(axons_at), .axons(axons)
    );

    wire peg_busy;
    peg peg (
        .clock(clock), .reset(reset),
        .axons_at(axons_at), .axons(axons),
        .neuron_valid(neuron_valid), .neuron_ready(neuron_ready), .c(c), .y(y), .x(x), .value(value),
        .read_request(peg_request), .read_address(peg_address), .read_grant(peg_grant),
        .read_valid(peg_valid), .read_data(read_data),
        .event_valid(send_valid), .event_ready(send_ready), .event_data(send_data),
        .busy(peg_busy)
    );

    // The target's side: events, then synapses.
    wire event_valid, event_ready;
    wire [51:0] event_data;
    wire [LOG_QUEUE:0] queue_depth;
    event_queue #(.WIDTH(52), .LOG_DEPTH(LOG_QUEUE)) queue (
        .clock(clock), .reset(reset),
        .in_valid(take_valid), .in_ready(take_ready), .in_data(take_data[51:0]),
        .out_valid(event_valid), .out_ready(event_ready), .out_data(event_data),
        .depth(queue_depth)
    );

    wire group_valid, group_ready, accumulator_busy, esu_busy, is_empty, is_operation;
    wire [14:0] group_address;
    wire [63:0] group_states, group_weights, kernel;
    wire [1:0] group_lane;
    wire [2:0] group_count, update;
    wire [3:0] group_present;
    wire [15:0] event_value;
    wire [5:0] weight_bits;
    wire is_wide;
    esu esu (
        .clock(clock), .reset(reset),
        .event_valid(event_valid), .event_ready(event_ready), .event_data(event_data),
        .read_request(esu_request), .read_address(esu_address), .read_grant(esu_grant),
        .read_valid(esu_valid), .read_data(read_data),
        .group_valid(group_valid), .group_ready(group_ready), .group_address(group_address),
        .group_states(group_states), .group_lane(group_lane), .group_count(group_count),
        .group_present(group_present), .group_weights(group_weights), .accumulator_busy(accumulator_busy),
        .update(update), .value(event_value), .kernel(kernel), .weight_bits(weight_bits), .is_wide(is_wide),
        .busy(esu_busy), .is_empty(is_empty)
    );

    accumulator accumulator (
        .clock(clock), .reset(reset),
        .group_valid(group_valid), .group_ready(group_ready), .group_address(group_address),
        .group_states(group_states), .group_lane(group_lane), .group_count(group_count),
        .group_present(group_present), .group_weights(group_weights),
        .update(update), .value(event_value), .kernel(kernel), .weight_bits(weight_bits), .is_wide(is_wide),
        .write_lanes(update_lanes), .write_address(update_address), .write_data(update_states),
        .busy(accumulator_busy), .is_operation(is_operation)
    );

    assign busy = control_busy || peg_busy || event_valid || esu_busy || accumulator_busy;

`ifndef SYNTHESIS
    core_probe #(.NODE(NODE), .LOG_QUEUE(LOG_QUEUE)) probe (
        .clock(clock), .reset(reset),
        .value_valid(value_valid), .c(c), .y(y), .x(x), .state(state), .value(value), .computed(computed),
        .is_wide_state(is_wide_state), .event_taken(event_valid && event_ready), .event_data(event_data), .is_empty(is_empty),
        .is_operation(is_operation), .queue_depth(queue_depth),
        .send_waits(send_valid && !send_ready),
        .control_read(control_grant), .peg_read(peg_grant), .esu_read(esu_grant),
        .read_waits((control_request && !control_grant) || (peg_request && !peg_grant)),
        .reset_write(reset_lanes != 0 && update_lanes == 0), .update_write(update_lanes != 0),
        .esu_busy(esu_busy || accumulator_busy)
    );
`endif
endmodule
