// Runs a pass: memory, settings and events come from files of a folder; the memory goes back into one.
// Prints the sum of each event, and at the end reads and writes of the table and of states, and cycles.

module bench #(
    parameter FORM = 0,
    parameter SHARED = 0,
    parameter INDEX_BITS = 16,
    parameter POINTER_BITS = 16,
    parameter SLOT_BITS = 3,
    parameter WEIGHT_BITS = 8,
    parameter STATE_BITS = 16,
    parameter LOG_STATES = 2,
    parameter WORDS = 1,
    parameter EVENTS = 1
);
    logic clock = 0, reset = 1, start = 0;
    logic [63:0] memory [0:WORDS-1];
    logic [31:0] numbers [0:15];
    logic [31:0] events [0:5*EVENTS-1];
    logic [16*32-1:0] settings;
    logic [1:0] kind;
    logic [23:0] row, channel, address;
    logic signed [15:0] y, x, value;
    logic finished, read, write;
    logic signed [47:0] sum;
    logic [63:0] write_data, read_data;
    integer table_reads = 0, table_writes = 0, state_reads = 0, state_writes = 0, cycles = 0;
    string folder;

    encoding_controller #(
        .FORM(FORM), .SHARED(SHARED), .INDEX_BITS(INDEX_BITS), .POINTER_BITS(POINTER_BITS), .SLOT_BITS(SLOT_BITS),
        .WEIGHT_BITS(WEIGHT_BITS), .STATE_BITS(STATE_BITS), .LOG_STATES(LOG_STATES)
    ) controller (
        .clock, .reset, .settings, .kind, .start, .row, .channel, .y, .x, .value, .finished, .sum, .read, .write,
        .address, .write_data, .read_data
    );

    always #1 clock = !clock;

    wire at_states = address >= settings[23:0];
    always @(posedge clock) begin
        cycles <= cycles + 1;
        if (read) read_data <= memory[address];
        if (write) memory[address] <= write_data;
        if (read && write) $display("clash");
        if (read && at_states) state_reads <= state_reads + 1;
        if (read && !at_states) table_reads <= table_reads + 1;
        if (write && at_states) state_writes <= state_writes + 1;
        if (write && !at_states) table_writes <= table_writes + 1;
    end

    initial begin
        if (!$value$plusargs("folder=%s", folder)) $finish;
        if (!$value$plusargs("kind=%d", kind)) $finish;
        $readmemh({folder, "/memory.memh"}, memory);
        $readmemh({folder, "/settings.memh"}, numbers);
        $readmemh({folder, "/events.memh"}, events);
        for (integer i = 0; i < 16; i++) settings[32 * i +: 32] = numbers[i];
        repeat (2) @(negedge clock);
        reset = 0;
        for (integer i = 0; i < EVENTS; i++) begin
            row = events[5 * i];
            channel = events[5 * i + 1];
            y = events[5 * i + 2];
            x = events[5 * i + 3];
            value = events[5 * i + 4];
            start = 1;
            @(negedge clock);
            start = 0;
            while (!finished) @(negedge clock);
            $display("sum %0d", sum);
            repeat (2) @(negedge clock);
        end
        $display("counts %0d %0d %0d %0d cycles %0d", table_reads, table_writes, state_reads, state_writes, cycles);
        $writememh({folder, "/after.memh"}, memory);
        $finish;
    end
endmodule
