// The event decoder (ESU, algorithm 4): for each synapse of an event, an update of a state.
//
// An event's port leads to the target population and, with the channel, to a kernel descriptor. Of the
// kernel's positions those that hit the target are walked: columns, rows, then channels. Channels of one
// position lie side by side, so they go to the accumulator in groups that share a word of states. Port and
// kernel descriptor of the last event are kept, and so is the window of two words of weights. Where a kernel
// skips zeros, its bitmap or list says which synapses of a group there are, and where their weights begin.

module esu (
    input  logic        clock,
    input  logic        reset,
    // events: port, x_min, y_min, channel, value
    input  logic        event_valid,
    output logic        event_ready,
    input  logic [51:0] event_data,
    // the core's memory
    output logic        read_request,
    output logic [14:0] read_address,
    input  logic        read_grant,
    input  logic        read_valid,
    input  logic [63:0] read_data,
    // groups of synapses, to the accumulator
    output logic        group_valid,
    input  logic        group_ready,
    output logic [14:0] group_address,    // of the word of states
    output logic [63:0] group_states,
    output logic [1:0]  group_lane,       // the first state of the group
    output logic [2:0]  group_count,
    output logic [3:0]  group_present,    // which of its synapses have a weight
    output logic [63:0] group_weights,    // the first weight in the lowest bits
    input  logic        accumulator_busy,
    // what all synapses of the event have in common
    output logic [2:0]  update,
    output logic [15:0] value,
    output logic [63:0] kernel,
    output logic [5:0]  weight_bits,
    output logic        is_wide,          // states of the target are float32
    output logic        busy,
    output logic        is_empty          // an event ends that touched no neuron
);
    localparam [3:0] IDLE = 4'd0, PORT = 4'd1, TARGET = 4'd2, EXTENSION = 4'd3, KERNEL = 4'd4,
        HITS = 4'd5, POSITION = 4'd6, GROUP = 4'd7, SCAN = 4'd8, STRIDE = 4'd9, HEAD = 4'd10, EXPONENT = 4'd11;
    logic [3:0] at;

    // The event.
    logic [4:0] port;
    logic signed [9:0] x_min, y_min;
    logic [10:0] channel;
    logic [15:0] event_value;
    assign event_ready = at == IDLE;
    assign busy = at != IDLE;

    // What the port leads to. `is_asked`: the word that this step needs has been asked for.
    logic is_asked, has_port, has_kernel;
    logic [63:0] port_word, target, kernel_word;
    logic [14:0] states_at;
    logic [10:0] kernel_channel;          // of which the kernel is known
    logic [2:0] extension;
    wire [14:0] start = target[words::POPULATION_START_LSB +: words::POPULATION_START_BITS];
    wire [2:0] extensions = target[words::POPULATION_EXTENSIONS_LSB +: words::POPULATION_EXTENSIONS_BITS];
    wire [7:0] width_less_1 = target[words::POPULATION_WIDTH_LSB +: words::POPULATION_WIDTH_BITS];
    wire [7:0] height_less_1 = target[words::POPULATION_HEIGHT_LSB +: words::POPULATION_HEIGHT_BITS];
    wire [9:0] depth_less_1 = target[words::POPULATION_DEPTH_LSB +: words::POPULATION_DEPTH_BITS];
    wire [10:0] depth = {1'b0, depth_less_1} + 11'd1;

    wire [14:0] states_behind;            // behind the axons, where no extension says otherwise
    block_layout layout (.population(read_data), .axons_at(), .states_at(states_behind), .biases_at());

    // The kernel: at the channel's place in the table, or of the pair whose channels it is one of.
    wire [14:0] table_at = port_word[words::PORT_TABLE_LSB +: words::PORT_TABLE_BITS];
    wire [14:0] wanted_kernel = table_at + {4'b0, channel};
    wire [9:0] strides = port_word[words::PORT_STRIDES_LSB +: words::PORT_STRIDES_BITS];
    logic [9:0] pair;
    logic [63:0] stride_word;
    wire [63:0] run = at == STRIDE ? read_data : stride_word;
    wire [10:0] index = channel - run[words::STRIDE_BEGIN_LSB +: words::STRIDE_BEGIN_BITS];
    wire is_inside = channel >= run[words::STRIDE_BEGIN_LSB +: words::STRIDE_BEGIN_BITS]
        && index <= run[words::STRIDE_COUNT_LSB +: words::STRIDE_COUNT_BITS];
    wire [14:0] exponents_at = run[words::STRIDE_EXPONENTS_LSB +: words::STRIDE_EXPONENTS_BITS];
    wire [9:0] first_steps = index[9:0] * {1'b0, run[words::STRIDE_STEP_LSB +: words::STRIDE_STEP_BITS]};
    wire [17:0] byte_steps = index * run[words::STRIDE_STRIDE_LSB +: words::STRIDE_STRIDE_BITS];
    logic [20:0] kernel_bit;              // where the kernel's weights begin

    // The kernel's positions that hit: dx of dx_first, dx_first + 2^sl .. dx_last, and dy in the same way.
    wire sl = kernel_word[words::KERNEL_SL_LSB +: words::KERNEL_SL_BITS];
    wire [4:0] kh = {1'b0, kernel_word[words::KERNEL_KH_LSB +: words::KERNEL_KH_BITS]} + 5'd1;
    wire [10:0] kd = {1'b0, kernel_word[words::KERNEL_KD_LSB +: words::KERNEL_KD_BITS]} + 11'd1;
    wire [2:0] code = kernel_word[words::KERNEL_CODE_LSB +: words::KERNEL_CODE_BITS];
    wire [4:0] dx_first, dx_last, dy_first, dy_last;
    wire x_hits, y_hits;
    kernel_span across (
        .begins(x_min), .size_less_1(width_less_1), .sl(sl),
        .kernel_less_1(kernel_word[words::KERNEL_KW_LSB +: words::KERNEL_KW_BITS]),
        .first(dx_first), .last(dx_last), .hits(x_hits)
    );
    kernel_span down (
        .begins(y_min), .size_less_1(height_less_1), .sl(sl),
        .kernel_less_1(kernel_word[words::KERNEL_KH_LSB +: words::KERNEL_KH_BITS]),
        .first(dy_first), .last(dy_last), .hits(y_hits)
    );
    wire hits = code != words::WEIGHT_NULL && x_hits && y_hits;
    logic [4:0] dx, dy;
    wire [4:0] next_dx = dx + (sl ? 5'd2 : 5'd1);
    wire [4:0] next_dy = dy + (sl ? 5'd2 : 5'd1);

    // Of position (dx, dy): the first state's place, counted in states, and the first weight's, in bits.
    wire signed [10:0] x = ({x_min[9], x_min} + $signed({6'b0, dx})) >>> sl;
    wire signed [10:0] y = ({y_min[9], y_min} + $signed({6'b0, dy})) >>> sl;
    wire [8:0] width = {1'b0, width_less_1} + 9'd1;
    wire [15:0] pixel = y[7:0] * width + {8'b0, x[7:0]};
    wire [16:0] first_state = (is_wide ? {1'b0, states_at, 1'b0} : {states_at, 2'b0}) + pixel * depth
        + {7'b0, kernel_word[words::KERNEL_FIRST_LSB +: words::KERNEL_FIRST_BITS]};
    wire [5:0] bits_each = code == words::WEIGHT_FLOAT32 ? 6'd32
        : code == words::WEIGHT_FLOAT16 ? 6'd16
        : code == words::WEIGHT_FIXED8 ? 6'd8
        : code == words::WEIGHT_SIGN ? 6'd1
        : {2'b0, kernel_word[words::KERNEL_NUMBER_BITS_LSB +: words::KERNEL_NUMBER_BITS_BITS]};
    logic [16:0] row_bits;                // of all weights of one position
    wire [7:0] position = dx[3:0] * kh + {3'b0, dy};
    wire [20:0] first_weight = kernel_bit + position * row_bits;

    // Zeros that are skipped: the weights stand behind their bitmap or list.
    wire skips = kernel_word[words::KERNEL_SKIPS_LSB];
    wire [8:0] taps = ({5'b0, kernel_word[words::KERNEL_KW_LSB +: words::KERNEL_KW_BITS]} + 9'd1) * {4'b0, kh};
    wire [19:0] all = taps * kd;          // weights of the kernel, and bits of its bitmap
    logic [17:0] weight_at;               // number of the group's first weight in the kernel
    logic [3:0] stored;
    logic [6:0] in_bitmap;
    wire lists = kernel_word[words::KERNEL_LISTS_LSB];
    wire is_mapped, is_listed, is_next, bitmap_request, list_request;
    wire [63:0] mapped_stored;
    wire [6:0] mapped_in_word, listed_in_word;
    wire [17:0] mapped_rank, listed_rank;
    wire [20:0] list_size;
    wire [14:0] bitmap_address, list_address;
    kernel_bitmap bitmap (
        .clock(clock), .reset(reset), .forget(at == KERNEL && !is_known),
        .asks(at == SCAN && !lists), .begins(kernel_bit[20:6]),
        .goal(weight_at), .is_found(is_mapped), .stored(mapped_stored), .in_word(mapped_in_word), .rank(mapped_rank),
        .read_request(bitmap_request), .read_address(bitmap_address), .read_grant(read_grant),
        .read_valid(read_valid), .read_data(read_data)
    );
    kernel_list list (
        .clock(clock), .reset(reset), .forget(at == KERNEL && !is_known),
        .asks(at == SCAN && lists), .begins(kernel_bit), .count(all),
        .goal(weight_at), .is_found(is_listed), .is_stored(is_next), .in_word(listed_in_word), .rank(listed_rank),
        .size(list_size),
        .read_request(list_request), .read_address(list_address), .read_grant(read_grant),
        .read_valid(read_valid), .read_data(read_data)
    );
    wire is_found = lists ? is_listed : is_mapped;
    wire [3:0] found_stored = lists ? {3'b0, is_next} : mapped_stored[3:0];
    wire [6:0] found_in_word = lists ? listed_in_word : mapped_in_word;
    wire [17:0] found_rank = lists ? listed_rank : mapped_rank;
    wire [20:0] scanned_bit = kernel_bit + (lists ? list_size : {1'b0, all}) + {3'b0, found_rank} * weight_bits;

    // The group: states from `slot` on that lie in one word, with weights that lie in two.
    logic [16:0] slot;
    logic [20:0] bit_at;
    logic [10:0] left;                    // channels of this position that are left
    wire [2:0] lanes = weight_bits == 6'd32 ? 3'd2 : 3'd4;
    wire [14:0] slot_at;
    wire [2:0] in_word;
    state_place place (.is_wide(is_wide), .slot(slot), .address(slot_at), .lane(group_lane), .in_word(in_word));
    wire [2:0] in_lanes = in_word < lanes ? in_word : lanes;
    wire [2:0] most = skips && in_bitmap < {4'b0, in_lanes} ? in_bitmap[2:0] : in_lanes;
    wire [2:0] count = left < {8'b0, most} ? left[2:0] : most;
    wire [3:0] counted = ~(4'hf << count);
    assign group_present = skips ? stored & counted : counted;
    wire is_void = at == GROUP && group_present == 0;
    wire [2:0] weights_in_group =
        {2'b0, group_present[0]} + {2'b0, group_present[1]} + {2'b0, group_present[2]} + {2'b0, group_present[3]};
    wire [6:0] group_bits = weights_in_group * weight_bits;
    wire [7:0] group_end = {2'b0, bit_at[5:0]} + {1'b0, group_bits};
    wire is_split = group_end > 8'd64;
    wire [20:0] next_bit = bit_at + {14'b0, group_bits};

    // The window of weights: words `window_at` and the one behind it. What is asked for is there a cycle later.
    localparam [1:0] STATES = 2'd0, LOW = 2'd1, HIGH = 2'd2;
    logic [14:0] window_at;
    logic has_states, has_low, has_high;
    logic [1:0] asked;
    logic [63:0] states_kept, low_kept, high_kept;
    wire arrives = at == GROUP && read_valid;
    wire [63:0] low = arrives && asked == LOW ? read_data : low_kept;
    wire [63:0] high = arrives && asked == HIGH ? read_data : high_kept;
    wire [127:0] window = {high, low} >> bit_at[5:0];
    wire is_complete = has_states && has_low && (has_high || !is_split);
    wire is_taken = at == GROUP && ((group_valid && group_ready) || is_void);
    wire is_last_group = left == {8'b0, count};

    assign group_valid   = at == GROUP && is_complete && !is_void;
    assign group_address = slot_at;
    assign group_states  = arrives && asked == STATES ? read_data : states_kept;
    assign group_count   = count;
    assign group_weights = window[63:0];
    assign is_empty      = at == HITS && !hits;

    // The window moves with the group: where the next one begins in the second word, that is the first.
    wire is_moved = skips ? at == SCAN && is_found : is_taken || at == POSITION;
    wire [14:0] window_next = skips ? scanned_bit[20:6] : at == POSITION ? first_weight[20:6] : next_bit[20:6];

    // What each step reads: a word once, of a group the states and as much of the window as it needs.
    wire is_known = has_kernel && kernel_channel == channel;
    assign read_request = at == GROUP ? !is_complete && !is_void
        : at == SCAN ? (lists ? list_request : bitmap_request)
        : !is_asked && (at == PORT || at == TARGET || at == EXTENSION || (at == KERNEL && !is_known && strides == 0)
            || at == STRIDE || at == HEAD || at == EXPONENT);
    assign read_address = at == TARGET ? port_word[words::PORT_POPULATION_LSB +: words::PORT_POPULATION_BITS]
        : at == EXTENSION ? start + {12'b0, extension}
        : at == KERNEL ? wanted_kernel
        : at == SCAN ? (lists ? list_address : bitmap_address)
        : at == STRIDE ? table_at + {4'b0, pair, 1'b1}
        : at == HEAD ? table_at + {4'b0, pair, 1'b0}
        : at == EXPONENT ? exponents_at + {7'b0, index[10:3]}
        : at != GROUP ? {10'b0, port}
        : !has_states ? slot_at
        : !has_low ? window_at
        : window_at + 15'd1;

    always_ff @(posedge clock) begin
        if (reset) begin
            at <= IDLE;
            is_asked <= 1'b0;
            has_port <= 1'b0;
            has_kernel <= 1'b0;
            has_low <= 1'b0;
            has_high <= 1'b0;
        end else begin
            if (read_request && read_grant && at != GROUP && at != SCAN) is_asked <= 1'b1;
            if (read_valid) is_asked <= 1'b0;
            case (at)
                IDLE: if (event_valid) begin
                    {port, x_min, y_min, channel, event_value} <= event_data;
                    at <= has_port && port == event_data[51:47] ? KERNEL : PORT;
                end
                PORT: if (read_valid) begin
                    port_word <= read_data;
                    has_port <= 1'b1;
                    has_kernel <= 1'b0;
                    at <= TARGET;
                end
                TARGET: if (read_valid) begin
                    target <= read_data;
                    states_at <= states_behind;
                    extension <= 0;
                    at <= read_data[words::POPULATION_EXTENSIONS_LSB +: words::POPULATION_EXTENSIONS_BITS] == 0
                        ? KERNEL : EXTENSION;
                end
                EXTENSION: if (read_valid) begin
                    if (read_data[words::EXTENSION_KIND_LSB +: words::EXTENSION_KIND_BITS]
                            == words::EXTENSION_STATES) begin
                        states_at <= read_data[words::EXTENSION_ADDRESS_LSB +: words::EXTENSION_ADDRESS_BITS];
                        at <= KERNEL;
                    end else if (extension + 3'd1 == extensions) at <= KERNEL;
                    extension <= extension + 3'd1;
                end
                KERNEL: if (is_known) at <= HITS;
                    else begin
                        kernel_channel <= channel;
                        has_kernel <= 1'b0;
                        pair <= 10'd0;
                        if (strides != 0) at <= STRIDE;
                        else if (read_valid) begin
                            kernel_word <= read_data;
                            kernel_bit <= {read_data[words::KERNEL_ADDRESS_LSB +: words::KERNEL_ADDRESS_BITS], 6'b0};
                            has_kernel <= 1'b1;
                            at <= HITS;
                        end
                    end
                STRIDE: if (read_valid) begin
                    stride_word <= read_data;
                    pair <= pair + 10'd1;
                    if (is_inside) begin
                        pair <= pair;
                        at <= HEAD;
                    end else if (pair + 10'd1 == strides) begin
                        kernel_word <= 64'd0; // the channel has no synapses
                        has_kernel <= 1'b1;
                        at <= HITS;
                    end
                end
                HEAD: if (read_valid) begin
                    kernel_word <= read_data;
                    kernel_word[words::KERNEL_FIRST_LSB +: words::KERNEL_FIRST_BITS] <=
                        read_data[words::KERNEL_FIRST_LSB +: words::KERNEL_FIRST_BITS] + first_steps;
                    kernel_bit <= {read_data[words::KERNEL_ADDRESS_LSB +: words::KERNEL_ADDRESS_BITS], 6'b0}
                        + {byte_steps, 3'b0};
                    has_kernel <= 1'b1;
                    at <= exponents_at == 0 ? HITS : EXPONENT;
                end
                EXPONENT: if (read_valid) begin
                    kernel_word[words::KERNEL_EXPONENT_LSB +: words::KERNEL_EXPONENT_BITS] <=
                        read_data[{index[2:0], 3'b0} +: 8];
                    at <= HITS;
                end
                // States of the last event may be on their way to the memory: they come first.
                HITS: if (!hits) at <= IDLE;
                    else if (!accumulator_busy) begin
                        dx <= dx_first;
                        dy <= dy_first;
                        row_bits <= kd * bits_each;
                        weight_bits <= bits_each;
                        kernel <= kernel_word;
                        update <= port_word[words::PORT_UPDATE_LSB +: words::PORT_UPDATE_BITS];
                        value <= event_value;
                        is_wide <= target[words::POPULATION_NEURON_LSB +: words::POPULATION_NEURON_BITS]
                            == words::NEURON_SIGMA_DELTA;
                        at <= POSITION;
                    end
                POSITION: begin
                    slot <= first_state;
                    bit_at <= first_weight;
                    weight_at <= position * kd;
                    left <= kd;
                    has_states <= 1'b0;
                    at <= skips ? SCAN : GROUP;
                end
                SCAN: if (is_found) begin
                    bit_at <= scanned_bit;
                    stored <= found_stored;
                    in_bitmap <= found_in_word;
                    at <= GROUP;
                end
                GROUP: begin
                    if (read_request && read_grant) begin
                        asked <= !has_states ? STATES : !has_low ? LOW : HIGH;
                        if (!has_states) has_states <= 1'b1;
                        else if (!has_low) has_low <= 1'b1;
                        else has_high <= 1'b1;
                    end
                    if (is_taken) begin
                        slot <= slot + {14'b0, count};
                        bit_at <= next_bit;
                        weight_at <= weight_at + {15'b0, count};
                        if (skips) at <= SCAN;
                        left <= left - {8'b0, count};
                        has_states <= 1'b0;
                        if (is_last_group) begin
                            at <= POSITION;
                            dy <= next_dy;
                            if (next_dy > dy_last) begin
                                dy <= dy_first;
                                dx <= next_dx;
                                if (next_dx > dx_last) at <= IDLE;
                            end
                        end
                    end
                end
                default: at <= IDLE;
            endcase
            if (is_moved) begin
                window_at <= window_next;
                if (window_next == window_at + 15'd1) begin
                    has_low <= has_high;
                    has_high <= 1'b0;
                end else if (window_next != window_at) begin
                    has_low <= 1'b0;
                    has_high <= 1'b0;
                end
            end
        end
    end

    always_ff @(posedge clock) begin
        if (arrives && asked == STATES) states_kept <= read_data;
        if (is_moved && window_next == window_at + 15'd1) low_kept <= high;
        else if (arrives && asked == LOW) low_kept <= read_data;
        if (arrives && asked == HIGH) high_kept <= read_data;
    end
endmodule
