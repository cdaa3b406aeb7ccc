// Numbers of BITS bits, one after the other: as many as fit lie in a word, the first in its lowest bits.

module field_stream #(
    parameter BITS = 16
) (
    input  logic            clock,
    input  logic            load,          // begins anew, at `begin_address`
    input  logic [23:0]     begin_address,
    input  logic            ask,           // a number is wanted
    input  logic            taken,         // the number is used up
    output logic            have,          // there is one
    output logic [BITS-1:0] number,
    output logic            read,
    output logic [23:0]     read_address,
    input  logic [63:0]     read_data      // a cycle after `read`
);
    localparam integer EACH = 64 / BITS;

    logic [63:0] held;
    logic [6:0] left;      // numbers of the held word that are not used up
    logic waiting;

    assign have = left != 0 && !waiting;
    assign number = held[BITS-1:0];
    assign read = ask && left == 0 && !waiting;

    always_ff @(posedge clock) begin
        waiting <= read && !load;
        if (read) read_address <= read_address + 1'b1;
        if (waiting) begin
            held <= read_data;
            left <= EACH[6:0];
        end
        if (taken) begin
            held <= held >> BITS;
            left <= left - 1'b1;
        end
        if (load) begin
            read_address <= begin_address;
            left <= 0;
        end
    end
endmodule
