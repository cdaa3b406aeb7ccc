// The chip: a mesh of cores, each with a router, and the sequencer. The host feeds one population at a time.

module chip #(
    parameter MESH_X = 1,
    parameter MESH_Y = 1,
    parameter CORE_WORDS = 32768
) (
    input  logic        clock,
    input  logic        reset,
    input  logic        run,
    input  logic [15:0] steps_used,
    output logic        frame_done,
    input  logic        in_valid,
    output logic        in_ready,
    input  logic [15:0] in_value
);
    localparam NODES = MESH_X * MESH_Y;

    wire start;
    wire [15:0] node, step;
    wire [1:0] order;
    wire [14:0] population_at;
    wire [NODES-1:0] core_busy, router_busy, core_in_ready;
    assign in_ready = core_in_ready != 0;

    sequencer sequencer (
        .clock(clock), .reset(reset), .run(run), .steps_used(steps_used), .frame_done(frame_done),
        .start(start), .node(node), .order(order), .population_at(population_at), .step(step),
        .chip_busy(core_busy != 0 || router_busy != 0)
    );

    // Links, by the node that they leave: 5 ports of 60 bits (router.sv).
    wire [4:0] leaves_valid [0:NODES-1];
    wire [4:0] leaves_ready [0:NODES-1];
    wire [299:0] leaves_data [0:NODES-1];
    wire [4:0] enters_ready [0:NODES-1];

    genvar n;
    generate
        for (n = 0; n < NODES; n = n + 1) begin : nodes
            localparam X = n % MESH_X;
            localparam Y = n / MESH_X;
            // The node on each side; at the border itself, whose link is cut.
            localparam EAST  = X + 1 < MESH_X ? n + 1 : n;
            localparam WEST  = X > 0 ? n - 1 : n;
            localparam NORTH = Y + 1 < MESH_Y ? n + MESH_X : n;
            localparam SOUTH = Y > 0 ? n - MESH_X : n;

            wire send_valid, take_ready;
            wire [59:0] send_data;

            wire [4:0] in_valid_here;
            wire [299:0] in_data_here;
            assign in_valid_here = {
                NORTH != n && leaves_valid[NORTH][4], SOUTH != n && leaves_valid[SOUTH][3],
                EAST != n && leaves_valid[EAST][2], WEST != n && leaves_valid[WEST][1], send_valid
            };
            assign in_data_here = {
                leaves_data[NORTH][240 +: 60], leaves_data[SOUTH][180 +: 60],
                leaves_data[EAST][120 +: 60], leaves_data[WEST][60 +: 60], send_data
            };
            assign leaves_ready[n] = {
                SOUTH != n && enters_ready[SOUTH][4], NORTH != n && enters_ready[NORTH][3],
                WEST != n && enters_ready[WEST][2], EAST != n && enters_ready[EAST][1], take_ready
            };

            wire [4:0] waits;
            router router (
                .clock(clock), .reset(reset),
                .in_valid(in_valid_here), .in_ready(enters_ready[n]), .in_data(in_data_here),
                .out_valid(leaves_valid[n]), .out_ready(leaves_ready[n]), .out_data(leaves_data[n]),
                .busy(router_busy[n]), .waits(waits)
            );

            core #(.CORE_WORDS(CORE_WORDS), .NODE(n)) core (
                .clock(clock), .reset(reset),
                .start(start && node == n), .order(order), .population_at(population_at),
                .in_valid(in_valid), .in_ready(core_in_ready[n]), .in_value(in_value),
                .send_valid(send_valid), .send_ready(enters_ready[n][0]), .send_data(send_data),
                .take_valid(leaves_valid[n][0]), .take_ready(take_ready),
                .take_data(leaves_data[n][0 +: 60]),
                .busy(core_busy[n])
            );
        end
    endgenerate
endmodule
