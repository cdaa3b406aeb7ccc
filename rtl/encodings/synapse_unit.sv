// What a pass does with a synapse. Keeps a word of weights and a word of states, and writes back what it has
// changed when another word is wanted, or at the end of the row.

module synapse_unit #(
    parameter WEIGHT_BITS = 8,
    parameter STATE_BITS = 16,
    parameter LOG_STATES = 2          // log2 of the states in a word
) (
    input  logic               clock,
    input  logic               reset,
    input  logic [1:0]         kind,        // 0 forward, 1 backward, 2 update
    input  logic signed [15:0] value,       // of the source neuron
    input  logic [23:0]        states,      // the address of the first word of states
    input  logic               valid,
    output logic               ready,       // the synapse is done
    input  logic [23:0]        target,
    input  logic [23:0]        weight_word,
    input  logic [5:0]         weight_slot,
    input  logic               flush,       // the row is at its end
    output logic               flushed,
    output logic signed [47:0] sum,         // of a backward pass
    output logic               read,
    output logic               write,
    output logic [23:0]        address,
    output logic [63:0]        write_data,
    input  logic [63:0]        read_data
);
    typedef enum logic [1:0] {WORK, WEIGHTS, STATES} step_t;
    step_t step;
    logic [63:0] weights, held;
    logic [23:0] weights_at, held_at;
    logic weights_valid, held_valid, weights_changed, held_changed;

    wire [23:0] state_word = states + (target >> LOG_STATES);
    wire [5:0] state_slot = 6'(target[LOG_STATES-1:0]);
    wire signed [WEIGHT_BITS-1:0] weight = weights[weight_slot * WEIGHT_BITS +: WEIGHT_BITS];
    wire signed [STATE_BITS-1:0] state = held[state_slot * STATE_BITS +: STATE_BITS];
    wire backward = kind == 2'd1, update = kind == 2'd2;

    wire other_weights = !weights_valid || weights_at != weight_word;
    wire other_states = !held_valid || held_at != state_word;
    wire nothing = weight == 0 && !update;
    wire working = step == WORK && valid && !flush;
    wire at_states = working && !other_weights && !nothing;

    wire leave_weights = weights_changed && (step == WORK && flush || working && other_weights);
    wire leave_states = held_changed && !leave_weights && (step == WORK && flush || at_states && other_states);
    wire read_weights = working && other_weights && !leave_weights;
    wire read_states = at_states && other_states && !leave_states;
    wire act = at_states && !other_states;

    assign read = read_weights || read_states;
    assign write = leave_weights || leave_states;
    assign address = leave_weights ? weights_at : leave_states ? held_at : read_weights ? weight_word : state_word;
    assign write_data = leave_weights ? weights : held;
    assign ready = act || working && !other_weights && nothing;
    assign flushed = step == WORK && flush && !weights_changed && !held_changed;

    // A forward pass and a backward pass multiply the weight, an update the source's value and the state.
    localparam integer WIDE = STATE_BITS > 16 ? STATE_BITS : 16;
    wire signed [WIDE-1:0] left = backward ? state : value;
    wire signed [WIDE-1:0] right = update ? state : weight;
    wire signed [2*WIDE-1:0] product = left * right;
    wire signed [47:0] onto = update ? 48'(weight) : backward ? sum : 48'(state);
    wire signed [47:0] total = onto + product;
    wire signed [47:0] most = update ? (48'sd1 <<< (WEIGHT_BITS - 1)) - 48'sd1 : (48'sd1 <<< (STATE_BITS - 1)) - 48'sd1;
    wire signed [47:0] bounded = total > most ? most : total < -most - 48'sd1 ? -most - 48'sd1 : total;

    always_ff @(posedge clock) begin
        if (reset || flushed) begin
            step <= WORK;
            weights_valid <= 0;
            held_valid <= 0;
            weights_changed <= 0;
            held_changed <= 0;
        end else begin
            if (leave_weights) weights_changed <= 0;
            if (leave_states) held_changed <= 0;
            if (read_weights) step <= WEIGHTS;
            if (read_states) step <= STATES;
            if (step == WEIGHTS) begin
                weights <= read_data;
                weights_at <= weight_word;
                weights_valid <= 1;
                step <= WORK;
            end
            if (step == STATES) begin
                held <= read_data;
                held_at <= state_word;
                held_valid <= 1;
                step <= WORK;
            end
            if (act && update) begin
                weights[weight_slot * WEIGHT_BITS +: WEIGHT_BITS] <= bounded[WEIGHT_BITS-1:0];
                weights_changed <= 1;
            end
            if (act && !update && !backward) begin
                held[state_slot * STATE_BITS +: STATE_BITS] <= bounded[STATE_BITS-1:0];
                held_changed <= 1;
            end
        end
        if (reset || !valid && !flush && step == WORK && !weights_valid) sum <= 0;
        else if (act && backward) sum <= total;
    end
endmodule
