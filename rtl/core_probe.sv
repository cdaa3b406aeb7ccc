// What a bench is told of a core: a line for each value and event, and counters. It is no part of the chip.
//
// value NODE C Y X VALUE COMPUTED STATES, when a neuron has fired: COMPUTED is what outputs take; event NODE PORT X_MIN Y_MIN CHANNEL VALUE; numbers of float16 in hexadecimal.

module core_probe #(
    parameter NODE = 0,
    parameter LOG_QUEUE = 4
) (
    input logic        clock,
    input logic        reset,
    input logic        value_valid,
    input logic [9:0]  c,
    input logic [7:0]  y,
    input logic [7:0]  x,
    input logic [47:0] state,
    input logic [15:0] value,
    input logic [15:0] computed,
    input logic        is_wide_state,
    input logic        event_taken,
    input logic [51:0] event_data,
    input logic        is_empty,
    input logic        is_operation,
    input logic [LOG_QUEUE:0] queue_depth,
    input logic        send_waits,
    input logic        control_read,
    input logic        peg_read,
    input logic        esu_read,
    input logic        read_waits,
    input logic        reset_write,
    input logic        update_write,
    input logic        esu_busy
);
    integer events = 0, empty_events = 0, operations = 0, deepest = 0, send_stalls = 0, read_stalls = 0;
    integer control_reads = 0, peg_reads = 0, esu_reads = 0, writes = 0, busy_cycles = 0;
    wire signed [9:0] x_min = event_data[46:37];
    wire signed [9:0] y_min = event_data[36:27];

    always @(posedge clock) if (!reset) begin
        if (value_valid && is_wide_state) $display("value %0d %0d %0d %0d %h %h %h %h",
            NODE, c, y, x, value, computed, state[31:0], state[47:32]);
        if (value_valid && !is_wide_state) $display("value %0d %0d %0d %0d %h %h %h",
            NODE, c, y, x, value, computed, state[15:0]);
        if (event_taken) $display("event %0d %0d %0d %0d %0d %h",
            NODE, event_data[51:47], x_min, y_min, event_data[26:16], event_data[15:0]);
        if (event_taken) events <= events + 1;
        if (is_empty) empty_events <= empty_events + 1;
        if (is_operation) operations <= operations + 1;
        if ({27'b0, queue_depth} > deepest) deepest <= {27'b0, queue_depth};
        if (send_waits) send_stalls <= send_stalls + 1;
        if (read_waits) read_stalls <= read_stalls + 1;
        if (control_read) control_reads <= control_reads + 1;
        if (peg_read) peg_reads <= peg_reads + 1;
        if (esu_read) esu_reads <= esu_reads + 1;
        if (reset_write || update_write) writes <= writes + 1;
        if (esu_busy) busy_cycles <= busy_cycles + 1;
    end

    task report;
        $display("core %0d events %0d empty_events %0d synaptic_operations %0d queue_deepest %0d send_stalls %0d read_stalls %0d control_reads %0d peg_reads %0d esu_reads %0d writes %0d esu_cycles %0d",
            NODE, events, empty_events, operations, deepest, send_stalls, read_stalls,
            control_reads, peg_reads, esu_reads, writes, busy_cycles);
    endtask
endmodule
