// A router of the mesh: events go along X first, then along Y, then into the core.
//
// Ports are 0 the core, 1 X + 1, 2 X - 1, 3 Y + 1, 4 Y - 1. Every input has a queue; an output takes from
// the inputs in turn. Who finds the next queue full waits, so nothing is lost, and events from one core to
// another stay in order. X before Y has no cycles, and cores take every event: nothing waits for ever.

module router #(
    parameter LOG_DEPTH = 1               // of an input's queue
) (
    input  logic         clock,
    input  logic         reset,
    input  logic [4:0]   in_valid,
    output logic [4:0]   in_ready,
    input  logic [299:0] in_data,         // 60 bits for each port
    output logic [4:0]   out_valid,
    input  logic [4:0]   out_ready,
    output logic [299:0] out_data,
    output logic         busy,
    output logic [4:0]   waits            // an output has an event that the next queue does not take
);
    wire [4:0] held;                      // the input has an event
    wire [4:0] pop [0:4];                 // by output: the inputs that it takes from in this cycle
    wire [59:0] moved [0:4];              // by input: the event with the rest of its route
    wire [4:0] wants [0:4];               // by input: the output that it goes to

    assign busy  = held != 0;
    assign waits = out_valid & ~out_ready;

    genvar i, o;
    generate
        for (i = 0; i < 5; i = i + 1) begin : inputs
            wire [59:0] head;
            event_queue #(.WIDTH(60), .LOG_DEPTH(LOG_DEPTH)) queue (
                .clock(clock), .reset(reset),
                .in_valid(in_valid[i]), .in_ready(in_ready[i]), .in_data(in_data[60 * i +: 60]),
                .out_valid(held[i]),
                .out_ready(pop[0][i] || pop[1][i] || pop[2][i] || pop[3][i] || pop[4][i]),
                .out_data(head), .depth()
            );
            wire signed [3:0] to_x = head[55:52];
            wire signed [3:0] to_y = head[59:56];
            assign wants[i] = to_x > 0 ? 5'b00010 : to_x < 0 ? 5'b00100
                : to_y > 0 ? 5'b01000 : to_y < 0 ? 5'b10000 : 5'b00001;
            wire [3:0] left_x = to_x > 0 ? to_x - 4'sd1 : to_x < 0 ? to_x + 4'sd1 : to_x;
            wire [3:0] left_y = to_x != 0 ? to_y : to_y > 0 ? to_y - 4'sd1 : to_y < 0 ? to_y + 4'sd1 : to_y;
            assign moved[i] = {left_y, left_x, head[51:0]};
        end

        for (o = 0; o < 5; o = o + 1) begin : outputs
            wire [4:0] asks = held & {wants[4][o], wants[3][o], wants[2][o], wants[1][o], wants[0][o]};
            // The first asking input from `turn` on, else the first of all.
            logic [4:0] turn;             // ones from the input that is next
            wire [4:0] later = asks & turn;
            wire [4:0] chosen = later != 0 ? later & (~later + 5'd1) : asks & (~asks + 5'd1);
            assign out_valid[o] = asks != 0;
            assign out_data[60 * o +: 60] = ({60{chosen[0]}} & moved[0]) | ({60{chosen[1]}} & moved[1])
                | ({60{chosen[2]}} & moved[2]) | ({60{chosen[3]}} & moved[3]) | ({60{chosen[4]}} & moved[4]);
            assign pop[o] = out_ready[o] ? chosen : 5'd0;
            always_ff @(posedge clock) begin
                if (reset) turn <= 5'b11111;
                else if (asks != 0 && out_ready[o]) turn <= ~(chosen | (chosen - 5'd1));
            end
        end
    endgenerate
endmodule
