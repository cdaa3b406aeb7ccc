// What a step does to a population: RESET writes first states, FIRE computes values and hands them on.
//
// Descriptor and extension words are read first. RESET walks states as they lie, channels innermost; FIRE
// walks neurons channels outermost, then rows, then columns, and waits for the PEG with each that sends. Of
// sigma-delta neurons the accumulators, of 32 bits, lie before what each has sent, of 16 bits: both are set by
// RESET, which the prologue alone has, and FIRE writes what has been sent.

module population_control (
    input  logic        clock,
    input  logic        reset,
    // a step
    input  logic        start,
    input  logic [1:0]  order,
    input  logic [14:0] population_at,
    output logic        busy,
    // the host's values for a population of inputs, float16
    input  logic        in_valid,
    output logic        in_ready,
    input  logic [15:0] in_value,
    // the core's memory
    output logic        read_request,
    output logic [14:0] read_address,
    input  logic        read_grant,
    input  logic        read_valid,
    input  logic [63:0] read_data,
    output logic [3:0]  write_lanes,
    output logic [14:0] write_address,
    output logic [63:0] write_data,
    input  logic        write_grant,
    // neurons, to the PEG and to the host
    output logic        value_valid,      // a neuron's value is known, once for each neuron
    output logic        neuron_valid,     // it sends events
    input  logic        neuron_ready,
    output logic [9:0]  c,
    output logic [7:0]  y,
    output logic [7:0]  x,
    output logic        is_wide,          // they are sigma-delta neurons
    output logic [47:0] state,            // of sigma-delta neurons the accumulator below, and what was sent
    output logic [15:0] value,
    output logic [15:0] computed,         // what outputs take
    output logic [14:0] axons_at,
    output logic [9:0]  axons
);
    localparam [3:0] IDLE = 4'd0, DESCRIPTOR = 4'd1, EXTENSION = 4'd2, BIAS = 4'd3, FIRST = 4'd4,
        CHANNEL = 4'd5, FEED = 4'd6, STATE = 4'd7, ACTIVATE = 4'd8, VALUE = 4'd9, SEND = 4'd10,
        SENT = 4'd11, CHANGE = 4'd12, CLEAR = 4'd13, WRITE = 4'd14;
    logic [3:0] at;
    logic is_asked;
    logic is_fire;

    // The descriptor and what its block says.
    logic [63:0] population;
    wire [7:0] width_less_1 = population[words::POPULATION_WIDTH_LSB +: words::POPULATION_WIDTH_BITS];
    wire [7:0] height_less_1 = population[words::POPULATION_HEIGHT_LSB +: words::POPULATION_HEIGHT_BITS];
    wire [9:0] depth_less_1 = population[words::POPULATION_DEPTH_LSB +: words::POPULATION_DEPTH_BITS];
    wire [1:0] bias = population[words::POPULATION_BIAS_LSB +: words::POPULATION_BIAS_BITS];
    wire [14:0] block_at = population[words::POPULATION_START_LSB +: words::POPULATION_START_BITS];
    wire [2:0] extensions = population[words::POPULATION_EXTENSIONS_LSB +: words::POPULATION_EXTENSIONS_BITS];
    wire [3:0] neuron = population[words::POPULATION_NEURON_LSB +: words::POPULATION_NEURON_BITS];
    wire is_input = neuron == words::NEURON_INPUT;
    assign is_wide = neuron == words::NEURON_SIGMA_DELTA;
    assign axons = {1'b0, population[words::POPULATION_AXONS_LSB +: words::POPULATION_AXONS_BITS]};
    wire [14:0] biases_at, states_behind;
    block_layout layout (
        .population(population), .biases_at(biases_at), .axons_at(axons_at), .states_at(states_behind)
    );

    logic [2:0] extension;
    logic has_states_at, fires_on_zero;
    logic [14:0] states_given;
    logic [31:0] initial_value;
    // Numbers 0 and 1 are the activation function's parameters, 2 is the scale, 3 the threshold.
    logic [31:0] argument [0:3];
    logic [14:0] parameters_at [0:3];
    logic [1:0] parameters;               // how many there are
    logic [3:0] by_channel;               // which have a number for each channel
    logic [1:0] parameter_number;
    wire is_last_number = parameter_number == (by_channel[3] ? 2'd3 : by_channel[2] ? 2'd2 : 2'd1);
    // The next parameter's number: those of the neuron type stand before the activation function's.
    wire [1:0] said_number = is_wide ? parameters - 2'd1 : parameters;
    wire [14:0] states_at = has_states_at ? states_given : states_behind;
    wire [3:0] kind = read_data[words::EXTENSION_KIND_LSB +: words::EXTENSION_KIND_BITS];
    wire [14:0] said_address = read_data[words::EXTENSION_ADDRESS_LSB +: words::EXTENSION_ADDRESS_BITS];
    wire [31:0] said_value = read_data[words::EXTENSION_VALUE_LSB +: words::EXTENSION_VALUE_BITS];

    // The walk over neurons: `slot` is the place of the neuron's state, counted in states.
    logic [16:0] slot, channel_slot;
    wire [16:0] first_slot = is_wide ? {1'b0, states_at, 1'b0} : {states_at, 2'b0};
    wire [14:0] slot_at;
    wire [1:0] lane;
    wire [2:0] in_word;
    state_place place (.is_wide(is_wide), .slot(slot), .address(slot_at), .lane(lane), .in_word(in_word));

    // What sigma-delta neurons have sent lies behind all accumulators.
    wire [15:0] pixels = ({8'b0, width_less_1} + 16'd1) * ({8'b0, height_less_1} + 16'd1);
    wire [16:0] neurons = pixels * ({7'b0, depth_less_1} + 17'd1);
    wire [14:0] sent_at = states_at + neurons[15:1] + {14'b0, neurons[0]};
    wire [16:0] sent_slot = {sent_at, 2'b0} + slot - first_slot;
    logic [14:0] clear_at;
    wire is_last_clear = clear_at == sent_at + neurons[16:2] - {14'b0, neurons[1:0] == 0};
    wire is_last_c = c == depth_less_1, is_last_x = x == width_less_1, is_last_y = y == height_less_1;
    wire is_last = is_last_c && is_last_x && is_last_y;

    // RESET: the bias of channel c, from the last bias word that was read.
    logic [63:0] bias_word;
    wire [15:0] bias_half = bias_word[{c[1:0], 4'b0} +: 16];
    wire [15:0] from_float32;
    wire [31:0] bias_single = bias == words::BIAS_FLOAT32 ? bias_word[{c[0], 5'b0} +: 32] : initial_value;
    float32_to_half narrow (.single(bias_single), .half(from_float32));
    wire [15:0] first = bias == words::BIAS_FLOAT16 ? bias_half : from_float32;
    wire [31:0] bias_widened;
    half_to_float32 widen_bias (.half(bias_half), .single(bias_widened));
    wire [31:0] first_single = bias == words::BIAS_FLOAT16 ? bias_widened : bias_single;
    wire [9:0] next_c = is_last_c ? 10'd0 : c + 10'd1;
    // The next channel's bias lies in another word than this one's.
    wire needs_bias = bias == words::BIAS_FLOAT16 ? next_c[9:2] != c[9:2]
                    : bias == words::BIAS_FLOAT32 ? next_c[9:1] != c[9:1]
                    : 1'b0;
    logic [63:0] word;                    // of states, as far as it is known
    wire [63:0] lane_mask = (is_wide ? 64'hffffffff : 64'hffff) << {lane, 4'b0};
    wire [31:0] first_state = is_wide ? first_single : {16'b0, first};
    wire [63:0] word_next = (word & ~lane_mask) | ({32'b0, first_state} << {lane, 4'b0});
    wire [15:0] sent_next;
    wire is_changed;
    assign write_lanes = at == CLEAR || (at == FIRST && (in_word == 3'd1 || is_last)) ? 4'hf
        : at == WRITE ? 4'd1 << sent_slot[1:0]
        : 4'd0;
    assign write_address = at == CLEAR ? clear_at : at == WRITE ? sent_slot[16:2] : slot_at;
    assign write_data = at == CLEAR ? 64'd0 : at == WRITE ? {4{sent_next}} : word_next;

    wire activated;
    wire [15:0] activation_value;
    wire [31:0] activation_single;
    wire [15:0] held_half = read_data[{lane, 4'b0} +: 16];
    wire [31:0] held_widened;
    half_to_float32 widen (.half(held_half), .single(held_widened));
    wire [31:0] held_single = read_data[{lane[1], 5'b0} +: 32];
    activation_unit activation_unit (
        .clock(clock),
        .reset(reset),
        .start(at == STATE && read_valid),
        .state(is_wide ? held_single : held_widened),
        .scale(argument[2]),
        .activation(population[words::POPULATION_ACTIVATION_LSB +: words::POPULATION_ACTIVATION_BITS]),
        .parameter_0(argument[0]),
        .parameter_1(argument[1]),
        .done(activated),
        .result(activation_single),
        .value(activation_value)
    );

    logic [31:0] kept;                    // the activation function's value
    logic [15:0] sent;
    logic is_begun;
    wire [15:0] change;
    sigma_delta sigma_delta (
        .clock(clock),
        .reset(reset),
        .start(at == CHANGE && !is_begun),
        .computed(kept),
        .sent(sent),
        .threshold(argument[3]),
        .done(is_changed),
        .value(change),
        .sent_next(sent_next)
    );

    assign busy = at != IDLE;
    assign in_ready = at == FEED;
    assign value_valid = at == VALUE;
    // Minus zero is zero; a NaN is not.
    wire sends = axons != 0 && (fires_on_zero || value[14:0] != 0);
    assign neuron_valid = (at == VALUE && sends) || at == SEND;

    // What each state of the control reads, once.
    assign read_request = !is_asked && (at == DESCRIPTOR || at == BIAS || at == STATE || at == SENT
        || (at == EXTENSION && extension != extensions)
        || (at == CHANNEL && by_channel[parameter_number]));
    assign read_address = at == EXTENSION ? block_at + {12'b0, extension}
        : at == BIAS ? biases_at + (bias == words::BIAS_FLOAT16 ? {7'b0, c[9:2]} : {6'b0, c[9:1]})
        : at == CHANNEL ? parameters_at[parameter_number] + {6'b0, c[9:1]}
        : at == STATE ? slot_at
        : at == SENT ? sent_slot[16:2]
        : population_at;

    // Where the walk goes, once all that the block says is known.
    wire [3:0] begins = is_fire ? (is_input ? FEED : CHANNEL) : bias == words::BIAS_NONE ? FIRST : BIAS;

    always_ff @(posedge clock) begin
        if (reset) begin
            at <= IDLE;
            is_asked <= 1'b0;
        end else begin
            if (read_request && read_grant) is_asked <= 1'b1;
            if (read_valid) is_asked <= 1'b0;
            case (at)
                IDLE: if (start) begin
                    is_fire <= order == words::ORDER_FIRE;
                    at <= DESCRIPTOR;
                end
                DESCRIPTOR: if (read_valid) begin
                    population <= read_data;
                    extension <= 0;
                    has_states_at <= 1'b0;
                    fires_on_zero <= 1'b0;
                    initial_value <= 32'h0;
                    argument[2] <= 32'h3f800000;
                    parameters <= 2'd0;
                    by_channel <= 4'd0;
                    parameter_number <= 2'd0;
                    {c, y, x} <= 26'd0;
                    at <= EXTENSION;
                end
                EXTENSION: if (extension == extensions) begin
                    slot <= first_slot;
                    channel_slot <= first_slot;
                    clear_at <= sent_at;
                    at <= begins;
                end else if (read_valid) begin
                    extension <= extension + 3'd1;
                    case (kind)
                        words::EXTENSION_STATES: begin
                            has_states_at <= 1'b1;
                            states_given <= said_address;
                        end
                        words::EXTENSION_FIRING:  fires_on_zero <= said_address[0];
                        words::EXTENSION_INITIAL: initial_value <= said_value;
                        words::EXTENSION_SCALE:   argument[2] <= said_value;
                        words::EXTENSION_SCALES: begin
                            parameters_at[2] <= said_address;
                            by_channel[2] <= 1'b1;
                        end
                        words::EXTENSION_CHANGES: ;   // for the host
                        default: begin            // PARAMETER, PARAMETERS
                            argument[said_number] <= said_value;
                            parameters_at[said_number] <= said_address;
                            by_channel[said_number] <= kind == words::EXTENSION_PARAMETERS;
                            parameters <= parameters + 2'd1;
                        end
                    endcase
                end

                BIAS: if (read_valid) begin
                    bias_word <= read_data;
                    at <= FIRST;
                end
                FIRST: begin
                    word <= word_next;
                    slot <= slot + 17'd1;
                    c <= next_c;
                    if (is_last_c) begin
                        x <= is_last_x ? 8'd0 : x + 8'd1;
                        if (is_last_x) y <= y + 8'd1;
                    end
                    if (is_last) at <= is_wide ? CLEAR : IDLE;
                    else if (needs_bias) at <= BIAS;
                end
                CLEAR: begin
                    clear_at <= clear_at + 15'd1;
                    if (is_last_clear) at <= IDLE;
                end

                CHANNEL: if (!by_channel[parameter_number] || read_valid) begin
                    if (by_channel[parameter_number]) begin
                        argument[parameter_number] <= read_data[{c[0], 5'b0} +: 32];
                    end
                    parameter_number <= is_last_number ? 2'd0 : parameter_number + 2'd1;
                    if (is_last_number) at <= STATE;
                end
                STATE: if (read_valid) begin
                    state <= is_wide ? {16'b0, held_single} : {32'b0, held_half};
                    at <= ACTIVATE;
                end
                ACTIVATE: if (activated) begin
                    value <= activation_value;
                    computed <= activation_value;
                    kept <= activation_single;
                    at <= is_wide ? SENT : VALUE;
                end
                SENT: if (read_valid) begin
                    sent <= read_data[{sent_slot[1:0], 4'b0} +: 16];
                    is_begun <= 1'b0;
                    at <= CHANGE;
                end
                CHANGE: begin
                    is_begun <= 1'b1;
                    if (is_changed) begin
                        value <= change;
                        state[47:32] <= sent_next;
                        at <= WRITE;
                    end
                end
                WRITE: if (write_grant) at <= VALUE;
                FEED: if (in_valid) begin
                    state <= 48'd0;
                    value <= in_value;
                    computed <= in_value;
                    at <= VALUE;
                end
                VALUE, SEND: if (neuron_valid && !neuron_ready) at <= SEND;
                else begin
                    slot <= slot + {7'b0, depth_less_1} + 17'd1;
                    at <= is_input ? FEED : STATE;
                    x <= is_last_x ? 8'd0 : x + 8'd1;
                    if (is_last_x) y <= is_last_y ? 8'd0 : y + 8'd1;
                    if (is_last_x && is_last_y) begin
                        c <= c + 10'd1;
                        slot <= channel_slot + 17'd1;
                        channel_slot <= channel_slot + 17'd1;
                        if (!is_input) at <= CHANNEL;
                    end
                    if (is_last) at <= IDLE;
                end
                default: at <= IDLE;
            endcase
        end
    end
endmodule
