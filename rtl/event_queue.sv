// A queue of events: first in, first out, with back-pressure on both sides.

module event_queue #(
    parameter WIDTH = 60,
    parameter LOG_DEPTH = 2
) (
    input  logic             clock,
    input  logic             reset,
    input  logic             in_valid,
    output logic             in_ready,
    input  logic [WIDTH-1:0] in_data,
    output logic             out_valid,
    input  logic             out_ready,
    output logic [WIDTH-1:0] out_data,
    output logic [LOG_DEPTH:0] depth      // events held
);
    logic [WIDTH-1:0] held [0:(1<<LOG_DEPTH)-1];
    logic [LOG_DEPTH:0] head, tail;       // one bit more than an index: full and empty differ in it

    assign depth     = tail - head;
    assign in_ready  = !depth[LOG_DEPTH];
    assign out_valid = depth != 0;
    assign out_data  = held[head[LOG_DEPTH-1:0]];

    always_ff @(posedge clock) begin
        if (reset) begin
            head <= 0;
            tail <= 0;
        end else begin
            if (in_valid && in_ready) tail <= tail + 1'b1;
            if (out_valid && out_ready) head <= head + 1'b1;
        end
    end

    always_ff @(posedge clock) begin
        if (in_valid && in_ready) held[tail[LOG_DEPTH-1:0]] <= in_data;
    end
endmodule
