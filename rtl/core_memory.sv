// A core's memory: 64-bit words, one port that reads and one that writes.
//
// What is read is there a cycle after the address. A word is written in lanes of 16 bits, so that one
// state changes and its neighbours stay.

module core_memory #(
    parameter CORE_WORDS = 32768
) (
    input  logic        clock,
    input  logic        read_enable,
    input  logic [14:0] read_address,
    output logic [63:0] read_data,
    input  logic [3:0]  write_lanes,
    input  logic [14:0] write_address,
    input  logic [63:0] write_data
);
    logic [63:0] cells [0:CORE_WORDS-1];

    always_ff @(posedge clock) begin
        if (read_enable) read_data <= cells[read_address];
        if (write_lanes[0]) cells[write_address][15:0]  <= write_data[15:0];
        if (write_lanes[1]) cells[write_address][31:16] <= write_data[31:16];
        if (write_lanes[2]) cells[write_address][47:32] <= write_data[47:32];
        if (write_lanes[3]) cells[write_address][63:48] <= write_data[63:48];
    end
endmodule
