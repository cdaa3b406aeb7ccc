// The controller of one storage form (docs/encodings.md): an event at a time, on a memory that answers a cycle
// after it is asked. FORM: 0 index, 1 bitmap, 2 functional. `settings` are numbers of 32 bits: the
// addresses of states and of shared weights, and what function_walker takes.

module encoding_controller #(
    parameter FORM = 0,
    parameter SHARED = 0,
    parameter INDEX_BITS = 16,
    parameter POINTER_BITS = 16,
    parameter SLOT_BITS = 3,
    parameter WEIGHT_BITS = 8,
    parameter STATE_BITS = 16,
    parameter LOG_STATES = 2
) (
    input  logic               clock,
    input  logic               reset,
    input  logic [16*32-1:0]   settings,
    input  logic [1:0]         kind,
    input  logic               start,    // for one cycle, when the controller is idle
    input  logic [23:0]        row,      // the source neuron; its channel and position are used by FORM 2 alone
    input  logic [23:0]        channel,
    input  logic signed [15:0] y,
    input  logic signed [15:0] x,
    input  logic signed [15:0] value,
    output logic               finished, // for one cycle
    output logic signed [47:0] sum,
    output logic               read,
    output logic               write,
    output logic [23:0]        address,
    output logic [63:0]        write_data,
    input  logic [63:0]        read_data
);
    logic valid, ready, done, walker_reads, unit_reads, flush;
    logic [23:0] target, weight_word, walker_address, unit_address;
    logic [5:0] weight_slot;
    wire [23:0] states = settings[0*32 +: 24];
    wire [23:0] kernel = settings[1*32 +: 24];

    generate
        if (FORM == 0) begin : index
            index_walker #(
                .SHARED(SHARED), .INDEX_BITS(INDEX_BITS), .POINTER_BITS(POINTER_BITS), .SLOT_BITS(SLOT_BITS),
                .WEIGHT_BITS(WEIGHT_BITS)
            ) walker (
                .clock, .reset, .start, .row, .kernel, .valid, .ready, .target, .weight_word, .weight_slot, .done,
                .read(walker_reads), .read_address(walker_address), .read_data
            );
        end else if (FORM == 1) begin : bitmap
            bitmap_walker #(
                .SHARED(SHARED), .POINTER_BITS(POINTER_BITS), .SLOT_BITS(SLOT_BITS), .WEIGHT_BITS(WEIGHT_BITS)
            ) walker (
                .clock, .reset, .start, .row, .kernel, .valid, .ready, .target, .weight_word, .weight_slot, .done,
                .read(walker_reads), .read_address(walker_address), .read_data
            );
        end else begin : functional
            function_walker #(.WEIGHT_BITS(WEIGHT_BITS)) walker (
                .clock, .reset, .start, .channel, .y, .x,
                .height(settings[2*32 +: 16]), .width(settings[3*32 +: 16]),
                .taps_y(settings[4*32 +: 16]), .taps_x(settings[5*32 +: 16]),
                .stride_y(settings[6*32 +: 3]), .stride_x(settings[7*32 +: 3]),
                .spread_y(settings[8*32 +: 3]), .spread_x(settings[9*32 +: 3]),
                .base_y(settings[10*32 +: 16]), .base_x(settings[11*32 +: 16]),
                .pitch(settings[12*32 +: 12]), .row_pitch(settings[13*32 +: 20]),
                .block(settings[14*32 +: 12]), .row_block(settings[15*32 +: 16]),
                .valid, .ready, .target, .weight_word, .weight_slot, .done,
                .read(walker_reads), .read_address(walker_address), .read_data
            );
        end
    endgenerate

    synapse_unit #(.WEIGHT_BITS(WEIGHT_BITS), .STATE_BITS(STATE_BITS), .LOG_STATES(LOG_STATES)) unit (
        .clock, .reset, .kind, .value, .states, .valid, .ready, .target, .weight_word, .weight_slot,
        .flush, .flushed(finished), .sum, .read(unit_reads), .write, .address(unit_address), .write_data, .read_data
    );

    // The walker waits while the unit has a synapse, so that they never ask at once.
    assign read = walker_reads || unit_reads;
    assign address = unit_reads || write ? unit_address : walker_address;

    always_ff @(posedge clock) begin
        if (reset || finished) flush <= 0;
        else if (done) flush <= 1;
    end
endmodule
