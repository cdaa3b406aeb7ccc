// The firing order: takes the steps one after the other, each when the whole chip has come to rest.
//
// `run` begins a frame. Steps of the prologue (`once`) are taken in the first frame alone.

module sequencer #(
    parameter LOG_STEPS = 14,
    parameter LOG_CORES = 12
) (
    input  logic        clock,
    input  logic        reset,
    input  logic        run,
    input  logic [15:0] steps_used,
    output logic        frame_done,
    output logic        start,            // the step at `node` begins
    output logic [15:0] node,             // the core, as the mesh counts
    output logic [1:0]  order,
    output logic [14:0] population_at,
    output logic [15:0] step,
    input  logic        chip_busy
);
    logic [63:0] steps [0:(1<<LOG_STEPS)-1];
    logic [15:0] places [0:(1<<LOG_CORES)-1];      // of the image's cores: their numbers in the mesh

    localparam [1:0] REST = 2'd0, FETCH = 2'd1, BEGIN = 2'd2, WAIT = 2'd3;
    logic [1:0] at;
    logic has_begun, is_settling;
    logic [63:0] word;

    assign order         = word[words::STEP_ORDER_LSB +: words::STEP_ORDER_BITS];
    assign population_at = word[words::STEP_POPULATION_LSB +: words::STEP_POPULATION_BITS];
    assign node          = places[word[words::STEP_CORE_LSB +: LOG_CORES]];
    wire   is_skipped    = word[words::STEP_ONCE_LSB] && has_begun;
    assign start         = at == BEGIN && !is_skipped;

    always_ff @(posedge clock) begin
        frame_done <= 1'b0;
        if (reset) begin
            at <= REST;
            has_begun <= 1'b0;
        end else case (at)
            REST: if (run) begin
                step <= 16'd0;
                at <= FETCH;
            end
            FETCH: begin
                word <= steps[step[LOG_STEPS-1:0]];
                at <= BEGIN;
                if (step == steps_used) begin
                    at <= REST;
                    has_begun <= 1'b1;
                    frame_done <= 1'b1;
                end
            end
            BEGIN: begin
                is_settling <= 1'b1;      // the core is busy from the next cycle on
                at <= WAIT;
                if (is_skipped) begin
                    step <= step + 16'd1;
                    at <= FETCH;
                end
            end
            WAIT: begin
                is_settling <= 1'b0;
                if (!is_settling && !chip_busy) begin
                    step <= step + 16'd1;
                    at <= FETCH;
                end
            end
        endcase
    end
endmodule
