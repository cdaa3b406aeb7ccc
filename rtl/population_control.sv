// What a step does to a population: RESET writes first states, FIRE computes values and hands them on.
//
// Descriptor and extension words are read first. RESET walks states as they lie, channels innermost; FIRE
// walks neurons channels outermost, then rows, then columns, and waits for the PEG with each that sends.

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
    // neurons, to the PEG and to the host
    output logic        value_valid,      // a neuron's value is known, once for each neuron
    output logic        neuron_valid,     // it sends events
    input  logic        neuron_ready,
    output logic [9:0]  c,
    output logic [7:0]  y,
    output logic [7:0]  x,
    output logic [15:0] state,
    output logic [15:0] value,
    output logic [14:0] axons_at,
    output logic [9:0]  axons
);
    localparam [3:0] IDLE = 4'd0, DESCRIPTOR = 4'd1, EXTENSION = 4'd2, BIAS = 4'd3, FIRST = 4'd4,
        CHANNEL = 4'd5, FEED = 4'd6, STATE = 4'd7, ACTIVATE = 4'd8, VALUE = 4'd9, SEND = 4'd10;
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
    wire is_input = population[words::POPULATION_NEURON_LSB +: words::POPULATION_NEURON_BITS]
        == words::NEURON_INPUT;
    assign axons = {1'b0, population[words::POPULATION_AXONS_LSB +: words::POPULATION_AXONS_BITS]};
    wire [14:0] biases_at, states_behind;
    block_layout layout (
        .population(population), .biases_at(biases_at), .axons_at(axons_at), .states_at(states_behind)
    );

    logic [2:0] extension;
    logic has_states_at, fires_on_zero;
    logic [14:0] states_given;
    logic [31:0] initial_value, scale;
    logic [31:0] argument [0:1];
    // Numbers 0 and 1 are the parameters, 2 is the scale.
    logic [14:0] parameters_at [0:2];
    logic [1:0] parameters;               // how many there are
    logic [2:0] by_channel;               // which have a number for each channel
    logic [1:0] parameter_number;
    wire is_last_number = parameter_number == (by_channel[2] ? 2'd2 : 2'd1);
    wire [14:0] states_at = has_states_at ? states_given : states_behind;
    wire [3:0] kind = read_data[words::EXTENSION_KIND_LSB +: words::EXTENSION_KIND_BITS];
    wire [14:0] said_address = read_data[words::EXTENSION_ADDRESS_LSB +: words::EXTENSION_ADDRESS_BITS];
    wire [31:0] said_value = read_data[words::EXTENSION_VALUE_LSB +: words::EXTENSION_VALUE_BITS];

    // The walk over neurons: `slot` is the place of the neuron's state, counted in states.
    logic [16:0] slot, channel_slot;
    wire is_last_c = c == depth_less_1, is_last_x = x == width_less_1, is_last_y = y == height_less_1;
    wire is_last = is_last_c && is_last_x && is_last_y;

    // RESET: the bias of channel c, from the last bias word that was read.
    logic [63:0] bias_word;
    wire [15:0] bias_half = bias_word[{c[1:0], 4'b0} +: 16];
    wire [15:0] from_float32;
    float32_to_half narrow (
        .single(bias == words::BIAS_FLOAT32 ? bias_word[{c[0], 5'b0} +: 32] : initial_value),
        .half(from_float32)
    );
    wire [15:0] first = bias == words::BIAS_FLOAT16 ? bias_half : from_float32;
    wire [9:0] next_c = is_last_c ? 10'd0 : c + 10'd1;
    // The next channel's bias lies in another word than this one's.
    wire needs_bias = bias == words::BIAS_FLOAT16 ? next_c[9:2] != c[9:2]
                    : bias == words::BIAS_FLOAT32 ? next_c[9:1] != c[9:1]
                    : 1'b0;
    logic [63:0] word;                    // of states, as far as it is known
    wire [63:0] lane_mask = 64'hffff << {slot[1:0], 4'b0};
    wire [63:0] word_next = (word & ~lane_mask) | ({48'b0, first} << {slot[1:0], 4'b0});
    assign write_lanes   = at == FIRST && (slot[1:0] == 2'd3 || is_last) ? 4'hf : 4'd0;
    assign write_address = slot[16:2];
    assign write_data    = word_next;

    wire activated;
    wire [15:0] activation_value;
    activation_unit activation_unit (
        .clock(clock),
        .reset(reset),
        .start(at == STATE && read_valid),
        .state(read_data[{slot[1:0], 4'b0} +: 16]),
        .scale(scale),
        .activation(population[words::POPULATION_ACTIVATION_LSB +: words::POPULATION_ACTIVATION_BITS]),
        .parameter_0(argument[0]),
        .parameter_1(argument[1]),
        .done(activated),
        .value(activation_value)
    );

    assign busy = at != IDLE;
    assign in_ready = at == FEED;
    assign value_valid = at == VALUE;
    // Minus zero is zero; a NaN is not.
    wire sends = axons != 0 && (fires_on_zero || value[14:0] != 0);
    assign neuron_valid = (at == VALUE && sends) || at == SEND;

    // What each state of the control reads, once.
    assign read_request = !is_asked && (at == DESCRIPTOR || at == BIAS || at == STATE
        || (at == EXTENSION && extension != extensions)
        || (at == CHANNEL && by_channel[parameter_number]));
    assign read_address = at == EXTENSION ? block_at + {12'b0, extension}
        : at == BIAS ? biases_at + (bias == words::BIAS_FLOAT16 ? {7'b0, c[9:2]} : {6'b0, c[9:1]})
        : at == CHANNEL ? parameters_at[parameter_number] + {6'b0, c[9:1]}
        : at == STATE ? slot[16:2]
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
                    scale <= 32'h3f800000;
                    parameters <= 2'd0;
                    by_channel <= 3'd0;
                    parameter_number <= 2'd0;
                    {c, y, x} <= 26'd0;
                    at <= EXTENSION;
                end
                EXTENSION: if (extension == extensions) begin
                    slot <= {states_at, 2'b0};
                    channel_slot <= {states_at, 2'b0};
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
                        words::EXTENSION_SCALE:   scale <= said_value;
                        words::EXTENSION_SCALES: begin
                            parameters_at[2] <= said_address;
                            by_channel[2] <= 1'b1;
                        end
                        default: begin            // PARAMETER, PARAMETERS
                            argument[parameters[0]] <= said_value;
                            parameters_at[{1'b0, parameters[0]}] <= said_address;
                            by_channel[{1'b0, parameters[0]}] <= kind == words::EXTENSION_PARAMETERS;
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
                    if (is_last) at <= IDLE;
                    else if (needs_bias) at <= BIAS;
                end

                CHANNEL: if (!by_channel[parameter_number] || read_valid) begin
                    if (by_channel[parameter_number]) begin
                        if (parameter_number == 2'd2) scale <= read_data[{c[0], 5'b0} +: 32];
                        else argument[parameter_number[0]] <= read_data[{c[0], 5'b0} +: 32];
                    end
                    parameter_number <= is_last_number ? 2'd0 : parameter_number + 2'd1;
                    if (is_last_number) at <= STATE;
                end
                STATE: if (read_valid) begin
                    state <= read_data[{slot[1:0], 4'b0} +: 16];
                    at <= ACTIVATE;
                end
                ACTIVATE: if (activated) begin
                    value <= activation_value;
                    at <= VALUE;
                end
                FEED: if (in_valid) begin
                    state <= 16'd0;
                    value <= in_value;
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
