// Compressed sparse rows: a row's targets are named one by one.

module index_walker #(
    parameter SHARED = 0,
    parameter INDEX_BITS = 16,
    parameter POINTER_BITS = 16,
    parameter SLOT_BITS = 3,
    parameter WEIGHT_BITS = 8
) (
    input  logic        clock,
    input  logic        reset,
    input  logic        start,
    input  logic [23:0] row,
    input  logic [23:0] kernel,
    output logic        valid,         // a synapse: held until `ready`
    input  logic        ready,
    output logic [23:0] target,
    output logic [23:0] weight_word,
    output logic [5:0]  weight_slot,
    output logic        done,          // for one cycle, when the row is at its end
    output logic        read,
    output logic [23:0] read_address,
    input  logic [63:0] read_data
);
    typedef enum logic [1:0] {IDLE, HEAD, RUN} step_t;
    step_t step;
    logic [19:0] left;
    logic named, placed, read_name, read_place;
    logic [23:0] name_address, place_address;
    logic [INDEX_BITS-1:0] name;

    wire load = step == HEAD;
    wire more = step == RUN && left != 0;
    wire taken = valid && ready;

    field_stream #(.BITS(INDEX_BITS)) names (
        .clock, .load, .begin_address(read_data[23:0]), .ask(more), .taken, .have(named), .number(name),
        .read(read_name), .read_address(name_address), .read_data
    );
    place_stream #(
        .SHARED(SHARED), .POINTER_BITS(POINTER_BITS), .SLOT_BITS(SLOT_BITS), .WEIGHT_BITS(WEIGHT_BITS)
    ) places (
        .clock, .load, .begin_address(read_data[23:0] + 24'(read_data[43:24])), .kernel, .ask(more && named), .taken,
        .have(placed), .word(weight_word), .slot(weight_slot), .read(read_place), .read_address(place_address),
        .read_data
    );

    assign valid = more && named && placed;
    assign target = 24'(name);
    assign done = step == RUN && left == 0;
    assign read = start || read_name || read_place;
    assign read_address = start ? row : read_name ? name_address : place_address;

    always_ff @(posedge clock) begin
        if (reset) step <= IDLE;
        else case (step)
            IDLE: if (start) step <= HEAD;
            HEAD: begin
                left <= read_data[63:44];
                step <= RUN;
            end
            default: begin
                if (taken) left <= left - 1'b1;
                if (done) step <= IDLE;
            end
        endcase
    end
endmodule
