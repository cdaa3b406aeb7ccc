// The event generator (PEG, algorithm 5): of a neuron that fires, an event for each axon whose target it
// may hit.
//
// A neuron is taken where `neuron_ready`; its axons are read one after the other. An event leaves where
// `event_ready`: until then the PEG waits, and the neuron behind it.

module peg (
    input  logic        clock,
    input  logic        reset,
    // the population that fires
    input  logic [14:0] axons_at,
    input  logic [9:0]  axons,
    // a neuron
    input  logic        neuron_valid,
    output logic        neuron_ready,
    input  logic [9:0]  c,
    input  logic [7:0]  y,
    input  logic [7:0]  x,
    input  logic [15:0] value,
    // its axons, from the core's memory
    output logic        read_request,
    output logic [14:0] read_address,
    input  logic        read_grant,
    input  logic        read_valid,
    input  logic [63:0] read_data,
    // its events: route, port, x_min, y_min, channel, value (docs/image.md, An event on the wire)
    output logic        event_valid,
    input  logic        event_ready,
    output logic [59:0] event_data,
    output logic        busy
);
    localparam [1:0] IDLE = 2'd0, READ = 2'd1, TEST = 2'd2, SEND = 2'd3;
    logic [1:0] at;
    logic [9:0] number;                   // of the axon
    logic [9:0] from_c;
    logic [7:0] from_y, from_x;
    logic [15:0] from_value;

    wire [63:0] axon = read_data;
    wire [2:0] us = axon[words::AXON_US_LSB +: words::AXON_US_BITS];
    wire signed [8:0] x_off = axon[words::AXON_X_OFF_LSB +: words::AXON_X_OFF_BITS];
    wire signed [8:0] y_off = axon[words::AXON_Y_OFF_LSB +: words::AXON_Y_OFF_BITS];
    wire [3:0] kw_less_1 = axon[words::AXON_KW_LSB +: words::AXON_KW_BITS];
    wire [3:0] kh_less_1 = axon[words::AXON_KH_LSB +: words::AXON_KH_BITS];
    wire [5:0] width_less_1 = axon[words::AXON_WIDTH_LSB +: words::AXON_WIDTH_BITS];
    wire [5:0] height_less_1 = axon[words::AXON_HEIGHT_LSB +: words::AXON_HEIGHT_BITS];
    wire [9:0] c_off = axon[words::AXON_C_OFF_LSB +: words::AXON_C_OFF_BITS];

    // Equation 12, and the test whether the kernel's rectangle meets the target's.
    wire signed [16:0] x_min = $signed({2'b0, {7'b0, from_x} << us}) + $signed({{8{x_off[8]}}, x_off});
    wire signed [16:0] y_min = $signed({2'b0, {7'b0, from_y} << us}) + $signed({{8{y_off[8]}}, y_off});
    wire signed [16:0] x_last = x_min + $signed({13'b0, kw_less_1});
    wire signed [16:0] y_last = y_min + $signed({13'b0, kh_less_1});
    wire signed [16:0] width = $signed({7'b0, {1'b0, width_less_1} + 7'd1, 3'b0});
    wire signed [16:0] height = $signed({7'b0, {1'b0, height_less_1} + 7'd1, 3'b0});
    wire hits = x_min < width && x_last >= 0 && y_min < height && y_last >= 0;
    wire [10:0] channel = {1'b0, from_c} + {1'b0, c_off};

    wire is_last = number + 10'd1 == axons;

    assign neuron_ready = at == IDLE;
    assign busy         = at != IDLE;
    assign read_request = at == READ;
    assign read_address = axons_at + {5'b0, number};
    assign event_valid  = at == SEND;

    always_ff @(posedge clock) begin
        if (reset) begin
            at <= IDLE;
        end else case (at)
            IDLE: if (neuron_valid && axons != 0) begin
                {from_c, from_y, from_x, from_value} <= {c, y, x, value};
                number <= 0;
                at <= READ;
            end
            READ: if (read_grant) at <= TEST;
            TEST: if (read_valid) begin
                event_data <= {
                    axon[words::AXON_CORE_Y_LSB +: words::AXON_CORE_Y_BITS],
                    axon[words::AXON_CORE_X_LSB +: words::AXON_CORE_X_BITS],
                    axon[words::AXON_PORT_LSB +: words::AXON_PORT_BITS],
                    x_min[9:0], y_min[9:0], channel, from_value
                };
                if (hits) at <= SEND;
                else begin
                    number <= number + 10'd1;
                    at <= is_last ? IDLE : READ;
                end
            end
            SEND: if (event_ready) begin
                number <= number + 10'd1;
                at <= is_last ? IDLE : READ;
            end
        endcase
    end
endmodule
