// A bit for each target number: the set ones are synapses. A bit takes a cycle.

module bitmap_walker #(
    parameter SHARED = 0,
    parameter POINTER_BITS = 16,
    parameter SLOT_BITS = 3,
    parameter WEIGHT_BITS = 8
) (
    input  logic        clock,
    input  logic        reset,
    input  logic        start,
    input  logic [23:0] row,
    input  logic [23:0] kernel,
    output logic        valid,
    input  logic        ready,
    output logic [23:0] target,
    output logic [23:0] weight_word,
    output logic [5:0]  weight_slot,
    output logic        done,
    output logic        read,
    output logic [23:0] read_address,
    input  logic [63:0] read_data
);
    typedef enum logic [1:0] {IDLE, HEAD, FETCH, RUN} step_t;
    step_t step;
    logic [63:0] bits;
    logic [23:0] next, base;
    logic [19:0] left;      // words of bits that are not read yet
    logic [5:0] position;
    logic placed, read_place;
    logic [23:0] place_address;

    wire load = step == HEAD;
    wire set = step == RUN && bits[0];
    wire taken = valid && ready;
    wire empty = step == RUN && bits == 0;

    place_stream #(
        .SHARED(SHARED), .POINTER_BITS(POINTER_BITS), .SLOT_BITS(SLOT_BITS), .WEIGHT_BITS(WEIGHT_BITS)
    ) places (
        .clock, .load, .begin_address(read_data[23:0] + 24'(read_data[43:24])), .kernel, .ask(set), .taken,
        .have(placed), .word(weight_word), .slot(weight_slot), .read(read_place), .read_address(place_address),
        .read_data
    );

    assign valid = set && placed;
    assign target = base + 24'(position);
    assign done = empty && left == 0;
    wire read_bits = empty && left != 0;
    assign read = start || read_bits || read_place;
    assign read_address = start ? row : read_bits ? next : place_address;

    always_ff @(posedge clock) begin
        if (reset) step <= IDLE;
        else case (step)
            IDLE: if (start) step <= HEAD;
            HEAD: begin
                next <= read_data[23:0];
                left <= read_data[43:24];
                base <= -24'd64;
                bits <= 0;
                step <= RUN;
            end
            FETCH: begin
                bits <= read_data;
                base <= base + 24'd64;
                position <= 0;
                step <= RUN;
            end
            default:
                if (done) step <= IDLE;
                else if (read_bits) begin
                    next <= next + 1'b1;
                    left <= left - 1'b1;
                    step <= FETCH;
                end else if (taken || !set) begin
                    bits <= bits >> 1;
                    position <= position + 1'b1;
                end
        endcase
    end
endmodule
