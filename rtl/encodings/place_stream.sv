// Where the weights of a row lie: one after the other, or, where weights are shared, as pointers say.

module place_stream #(
    parameter SHARED = 0,
    parameter POINTER_BITS = 16,
    parameter SLOT_BITS = 3,     // of a pointer: the place in a word
    parameter WEIGHT_BITS = 8
) (
    input  logic        clock,
    input  logic        load,
    input  logic [23:0] begin_address,
    input  logic [23:0] kernel,        // the address of shared weights
    input  logic        ask,
    input  logic        taken,
    output logic        have,
    output logic [23:0] word,
    output logic [5:0]  slot,
    output logic        read,
    output logic [23:0] read_address,
    input  logic [63:0] read_data
);
    generate
        if (SHARED) begin : pointers
            logic [POINTER_BITS-1:0] pointer;
            field_stream #(.BITS(POINTER_BITS)) stream (
                .clock, .load, .begin_address, .ask, .taken, .have, .number(pointer), .read, .read_address, .read_data
            );
            assign word = kernel + 24'(pointer >> SLOT_BITS);
            assign slot = 6'(pointer[SLOT_BITS-1:0]);
        end else begin : in_order
            localparam integer LAST = 64 / WEIGHT_BITS - 1;
            assign have = 1'b1;
            assign read = 1'b0;
            assign read_address = 24'd0;
            always_ff @(posedge clock) begin
                if (load) begin
                    word <= begin_address;
                    slot <= 0;
                end else if (taken) begin
                    word <= slot == LAST[5:0] ? word + 1'b1 : word;
                    slot <= slot == LAST[5:0] ? 6'd0 : slot + 1'b1;
                end
            end
        end
    endgenerate
endmodule
