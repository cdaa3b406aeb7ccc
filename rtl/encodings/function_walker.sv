// Functional organisation: targets are computed, kernels are whole. Tap k of a target t of source s is
// t * stride - s * spread + base, along both axes.

module function_walker #(
    parameter WEIGHT_BITS = 8
) (
    input  logic               clock,
    input  logic               reset,
    input  logic               start,
    input  logic [23:0]        channel,
    input  logic signed [15:0] y,
    input  logic signed [15:0] x,
    input  logic signed [15:0] height,      // of the targets
    input  logic signed [15:0] width,
    input  logic signed [15:0] taps_y,
    input  logic signed [15:0] taps_x,
    input  logic [2:0]         stride_y,    // powers of two
    input  logic [2:0]         stride_x,
    input  logic [2:0]         spread_y,
    input  logic [2:0]         spread_x,
    input  logic signed [15:0] base_y,
    input  logic signed [15:0] base_x,
    input  logic [11:0]        pitch,       // target numbers of a position
    input  logic [19:0]        row_pitch,   // and of a row of positions
    input  logic [11:0]        block,       // words of a tap
    input  logic [15:0]        row_block,   // and of a row of taps
    output logic               valid,
    input  logic               ready,
    output logic [23:0]        target,
    output logic [23:0]        weight_word,
    output logic [5:0]         weight_slot,
    output logic               done,
    output logic               read,
    output logic [23:0]        read_address,
    input  logic [63:0]        read_data
);
    localparam integer LAST = 64 / WEIGHT_BITS - 1;
    typedef enum logic [2:0] {IDLE, HEAD, ROW, TAP, RUN} step_t;
    step_t step;
    logic [23:0] kernel, first;
    logic [19:0] depth, left;
    logic signed [15:0] ty, tx, ky, kx;

    // Maps have up to 1,024 rows and columns, kernels up to 32. The first target: ceil((position * spread - base) / stride), or 0.
    wire signed [15:0] begin_y = (y <<< spread_y) - base_y;
    wire signed [15:0] begin_x = (x <<< spread_x) - base_x;
    wire signed [15:0] step_y = 16'sd1 <<< stride_y;
    wire signed [15:0] step_x = 16'sd1 <<< stride_x;
    wire signed [15:0] above_y = (begin_y + step_y - 16'sd1) >>> stride_y;
    wire signed [15:0] above_x = (begin_x + step_x - 16'sd1) >>> stride_x;
    wire signed [15:0] first_y = above_y < 0 ? 16'sd0 : above_y;
    wire signed [15:0] first_x = above_x < 0 ? 16'sd0 : above_x;
    wire signed [15:0] tap_y = (first_y <<< stride_y) - begin_y;
    wire signed [15:0] tap_x = (first_x <<< stride_x) - begin_x;

    wire no_row = ty >= height || ky >= taps_y;
    wire no_tap = tx >= width || kx >= taps_x;

    assign valid = step == RUN;
    assign done = (step == ROW && (no_row || depth == 0));
    assign read = start;
    assign read_address = channel;

    always_ff @(posedge clock) begin
        if (reset) step <= IDLE;
        else case (step)
            IDLE: if (start) step <= HEAD;
            HEAD: begin
                kernel <= read_data[23:0];
                first <= 24'(read_data[43:24]);
                depth <= read_data[63:44];
                ty <= first_y;
                ky <= tap_y;
                step <= ROW;
            end
            ROW: begin
                tx <= first_x;
                kx <= tap_x;
                step <= done ? IDLE : TAP;
            end
            TAP:
                if (no_tap) begin
                    ty <= ty + 16'sd1;
                    ky <= ky + step_y;
                    step <= ROW;
                end else begin
                    target <= ty[9:0] * row_pitch + tx[9:0] * pitch + first;
                    weight_word <= kernel + ky[4:0] * row_block + kx[4:0] * block;
                    weight_slot <= 0;
                    left <= depth;
                    step <= RUN;
                end
            default:
                if (ready) begin
                    target <= target + 1'b1;
                    weight_word <= weight_slot == LAST[5:0] ? weight_word + 1'b1 : weight_word;
                    weight_slot <= weight_slot == LAST[5:0] ? 6'd0 : weight_slot + 1'b1;
                    left <= left - 1'b1;
                    if (left == 1) begin
                        tx <= tx + 16'sd1;
                        kx <= kx + step_x;
                        step <= TAP;
                    end
                end
        endcase
    end
endmodule
